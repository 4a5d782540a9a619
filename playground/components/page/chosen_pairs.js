// The pairs of lines that the page's header chooses, for the models that rewrite; and which tabs are theirs.
import { join, moved, opens } from "./link.js";
import { Listeners } from "../basics/listeners.js";

const USUAL = "number_words";
const AGAIN_MS = 1500;
const ON_A_TAB = "learns-pairs"; // a class of the page: the header shows the pairs in place of the text

let key = null;
let linked = null; // of the link with which the page was opened
let rewriting = new Set(); // the models that learn from pairs
let tasks = new Set(); // those that learn from pairs
const answering = new Set(); // other models whose chosen task is one of these
let open = ""; // the model whose tab is open
let showing = false; // whether the header shows the pairs
let again; // timer
let asked = null; // the pairs that the server was asked about: few visitors come for pairs
const listeners = new Listeners();

join(null, ["pairs"], () => (key === null ? null : { pairs: key === USUAL ? null : key }), ({ pairs }) => {
  linked = pairs;
});

/** While the page opens, the pairs of its link, if it has some; else those that the page has. */
export const pairsLinked = (present) => (opens() && linked) || present;

export const chosenPairs = () => key;

/** The pairs with which a page opens, and the entry of the menu that stands for them. */
export function pairsShown(present, titles, own) {
  const shown = pairsLinked(present);
  return [shown, titles.includes(shown) ? shown : own];
}

/** Takes the key of the pairs that are chosen now. */
export function pairsChosen(pairs) {
  if (pairs === key) return;
  key = pairs;
  listeners.call(pairs);
  moved();
  askAbout();
}

/** Calls act(key) when other pairs are chosen, while `node` is on the page. */
export const onPairs = (act, node) => listeners.add(act, node);

function showChoice() {
  showing = rewriting.has(open) || answering.has(open);
  document.body.classList.toggle(ON_A_TAB, showing);
  askAbout();
}

/** While the pairs are shown, the server is asked for what the header says about them. */
function askAbout() {
  if (!showing || key === asked) return;
  asked = key;
  askAgain(3);
}

/** Asks, and up to `more` times again while the server prepares them. */
function askAgain(more) {
  const follow = document.getElementById("pairs-follow");
  follow?.click();
  clearTimeout(again);
  if (!follow || !more) return;
  again = setTimeout(() => {
    if (!document.querySelector(".pairs-facts")?.textContent.includes("pair")) askAgain(more - 1);
  }, AGAIN_MS);
}

/** Takes the names of the models that learn from pairs only, and of the tasks with which others do. */
export function learnersOfPairs(models, names) {
  rewriting = new Set(models);
  tasks = new Set(names);
  showChoice();
}

/** Whether these values of settings, [name, ...] each, are of a task that learns from pairs. */
export const ofPairs = (settings, values) => tasks.has(values[settings.findIndex(([name]) => name === "task")]);

/** The key of the pairs that a tab {key} learns from; text: the input of its events.
 *
 * That is the key already, if the model learns from pairs only. */
export const learnedText = (tab, text) => (rewriting.has(tab.key) ? text : (key ?? USUAL));

/** The settings of a model's tab have changed: the header shows the pairs if its task needs them. */
export function taskChosen(model, pairs) {
  if (pairs) answering.add(model);
  else answering.delete(model);
  showChoice();
}

/** A tab was opened; id: of its button. The header shows what its model learns from. */
export function showChoiceFor(id) {
  open = id.replace(/^rung-/, "").replace(/-button$/, "");
  showChoice();
}
