// The text that the page's header chooses: its key, and those who hear of another one.
import { join, moved, opens } from "./link.js";
import { Listeners } from "../basics/listeners.js";

const USUAL = "tiny_shakespeare";

let key = null;
let linked = null; // of the link with which the page was opened
const listeners = new Listeners();

join(null, ["text"], () => (key === null ? null : { text: key === USUAL ? null : key }), ({ text }) => {
  linked = text;
});

/** While the page opens, the text of its link, if it has one; else the one that the page has. */
export const textLinked = (present) => (opens() && linked) || present;

export const chosenText = () => key;

/** Takes the key of the text that is chosen now. */
export function textChosen(text) {
  if (text === key) return;
  key = text;
  listeners.call(text);
  moved();
}

/** Calls act(key) when another text is chosen, while `node` is on the page. */
export const onText = (act, node) => listeners.add(act, node);
