// The second lines on the buttons of the ladder: how far each rung's training has come.
"use strict";

{
  const { ask } = Playground.parts.feed;

  const notes = new Map();

  /** Writes a second line on the button of a Gradio tab, and keeps it there. */
  function tabNote(tab, text) {
    notes.set(tab, text);
    writeNote(tab);
  }

  function writeNote(tab) {
    const node = document.getElementById(`${tab}-button`);
    const text = notes.get(tab) ?? "";
    if (node && node.dataset.note !== text) {
      node.dataset.note = text;
      node.dataset.live = /^(training|paused|queued)/.test(text);
    }
  }

  let keepAlive = () => {};

  /** Writes the notes, and tells the server now and then which runs are watched (`keepAlive`). */
  function ladderNotes(element, props, watch, server) {
    keepAlive = (runs) => {
      const begun = runs.filter((run) => run && !run.startsWith("shipped:"));
      if (begun.length) ask(server, "keep_alive", [begun]);
    };
    const write = () => {
      for (const [tab, text] of Object.entries(props.value ?? {})) tabNote(tab, text);
    };
    watch("value", write);
    write();
    const rewrite = () => [...notes.keys()].forEach(writeNote);
    const bar = document.querySelector(".ladder .tab-wrapper");
    if (bar) new MutationObserver(rewrite).observe(bar, { childList: true, subtree: true });
  }

  function ladderNote(record) {
    const best = Number.isFinite(record.best) ? record.best.toFixed(2) : "";
    const doing = { queued: "queued", starting: "training", running: "training", paused: "paused" };
    return [doing[record.status], best].filter(Boolean).join(" · ");
  }

  Playground.parts.ladder = { tabNote, ladderNotes, ladderNote, keepAlive: (runs) => keepAlive(runs) };
}
