// The second lines on the buttons of the ladder: how far each rung's training has come.
"use strict";

{
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

  function ladderNotes(element, props, watch) {
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

  Playground.parts.ladder = { tabNote, ladderNotes, ladderNote };
}
