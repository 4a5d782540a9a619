// The second lines on the buttons of the ladder: the status and the best loss of each rung's run.
import { ask } from "../basics/calls.js";
import { chosenPairs, learnersOfPairs, onPairs } from "./chosen_pairs.js";
import { chosenText, onText } from "./chosen_text.js";
import { decimalsOf, share } from "../basics/wording.js";

const notes = new Map(); // elem_id of a Gradio tab -> {doing, loss, text}

/** The second line of each tab: notes of {doing: a word for a live run, loss: its best, text: of which it is},
 * or of {words}. A run on pairs has {right: the share of lines exactly right} in place of the loss.
 *
 * A number of another text than the chosen one is not shown: beside the others it would mean nothing. */
export function noteLines(all, chosen, pairs) {
  const ofPairs = ({ right }) => Number.isFinite(right);
  const comparable = (note) => Number.isFinite(note.loss) && note.text === chosen && !ofPairs(note);
  const decimals = decimalsOf(all.filter(comparable).map(({ loss }) => loss));
  return all.map((note) =>
    [
      note.words,
      note.doing,
      comparable(note) && note.loss.toFixed(decimals),
      ofPairs(note) && note.text === pairs && `${share(note.right)} right`,
    ]
      .filter(Boolean)
      .join(" · "),
  );
}

/** Keeps a second line on the button of a Gradio tab; note: as `noteLines` takes it. */
export function tabNote(tab, note) {
  notes.set(tab, note);
  writeNotes();
}

/** Writes the second line of the tab Runs. */
export const runsCounted = (n) => tabNote("rung-runs", { words: `${n} · compare` });

function writeNotes() {
  const lines = noteLines([...notes.values()], chosenText(), chosenPairs());
  [...notes.keys()].forEach((tab, index) => {
    const node = document.getElementById(`${tab}-button`);
    if (!node || node.dataset.note === lines[index]) return;
    node.dataset.note = lines[index];
    node.dataset.live = Boolean(notes.get(tab).doing);
  });
}

let tellServer = () => {};

/** Tells the server that the page watches these runs. */
export const keepAlive = (runs) => tellServer(runs);

/** Writes the notes of `props.value`; its server functions are `keep_alive` and `count`, of all runs. */
export function ladderNotes(element, props, watch, server) {
  tellServer = (runs) => {
    const begun = runs.filter((run) => run && !run.startsWith("shipped:"));
    if (begun.length) ask(server, "keep_alive", [begun]);
  };
  const take = () => {
    for (const [tab, note] of Object.entries(props.value ?? {})) tabNote(tab, note);
  };
  watch("value", take);
  take();
  onText(writeNotes, element);
  onPairs(writeNotes, element);
  learnersOfPairs(...(props.pairs ?? [[], []]));
  ask(server, "count", [null]).then((n) => n === null || runsCounted(n));
  // Gradio draws the buttons anew when it moves them into its overflow menu.
  const bar = document.querySelector(".ladder .tab-wrapper");
  if (bar) new MutationObserver(writeNotes).observe(bar, { childList: true, subtree: true });
}
