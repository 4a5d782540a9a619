// The pairs of lines that the page's header chooses, for the models that rewrite; and which tabs are theirs.
import { join, moved, opens } from "./link.js";
import { Listeners } from "../basics/listeners.js";

const USUAL = "number_words";
const ON_A_TAB = "learns-pairs"; // a class of the page: the header shows the pairs in place of the text

let key = null;
let linked = null; // of the link with which the page was opened
let rewriting = new Set(); // the models that learn from pairs
let open = ""; // the model whose tab is open
const listeners = new Listeners();

join(null, ["pairs"], () => (key === null ? null : { pairs: key === USUAL ? null : key }), ({ pairs }) => {
  linked = pairs;
});

/** While the page opens, the pairs of its link, if it has some; else those that the page has. */
export const pairsLinked = (present) => (opens() && linked) || present;

export const chosenPairs = () => key;

/** Takes the key of the pairs that are chosen now. */
export function pairsChosen(pairs) {
  if (pairs === key) return;
  key = pairs;
  listeners.call(pairs);
  moved();
}

/** Calls act(key) when other pairs are chosen, while `node` is on the page. */
export const onPairs = (act, node) => listeners.add(act, node);

const showChoice = () => document.body.classList.toggle(ON_A_TAB, rewriting.has(open));

/** Takes the names of the models that learn from pairs. */
export function modelsOfPairs(models) {
  rewriting = new Set(models);
  showChoice();
}

/** Whether a model learns from pairs. */
export const learnsPairs = (model) => rewriting.has(model);

/** A tab was opened; id: of its button. The header shows what its model learns from. */
export function showChoiceFor(id) {
  open = id.replace(/^rung-/, "").replace(/-button$/, "");
  showChoice();
}
