// The second lines on the buttons of the ladder: the status and the best loss of each rung's run.
import { ask } from "./calls.js";

const notes = new Map(); // elem_id of a Gradio tab -> text

/** Writes a second line on the button of a Gradio tab, and keeps it there. */
export function tabNote(tab, text) {
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

let tellServer = () => {};

/** Tells the server that the page watches these runs. */
export const keepAlive = (runs) => tellServer(runs);

/** Writes the notes of `props.value`; its server function is `keep_alive`. */
export function ladderNotes(element, props, watch, server) {
  tellServer = (runs) => {
    const begun = runs.filter((run) => run && !run.startsWith("shipped:"));
    if (begun.length) ask(server, "keep_alive", [begun]);
  };
  const write = () => {
    for (const [tab, text] of Object.entries(props.value ?? {})) tabNote(tab, text);
  };
  watch("value", write);
  write();
  // Gradio draws the buttons anew when it moves them into its overflow menu.
  const rewrite = () => [...notes.keys()].forEach(writeNote);
  const bar = document.querySelector(".ladder .tab-wrapper");
  if (bar) new MutationObserver(rewrite).observe(bar, { childList: true, subtree: true });
}
