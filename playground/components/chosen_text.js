// The text that the page's header chooses: its key, and those who hear of another one.
import { Listeners } from "./listeners.js";

let key = null;
const listeners = new Listeners();

export const chosenText = () => key;

/** Takes the key of the text that is chosen now. */
export function textChosen(text) {
  if (text === key) return;
  key = text;
  listeners.call(text);
}

/** Calls act(key) when another text is chosen, while `node` is on the page. */
export const onText = (act, node) => listeners.add(act, node);
