// A GPU burst learns the same as Train: the text or pairs of its task, with the tokens that these have.
import { CHARACTERS } from "../page/chosen_tokens.js";
import { learned } from "./choice.js";
import { tab } from "./tab.js";

/** The inputs [token, text, tokens, ...values of the controls] of its event, as they are to be learned. */
export function bursting(key, [run, text, tokens, ...values], at) {
  const [from, all] = learned(tab(key), text, tokens, values, at);
  return [run, from, all[at] === CHARACTERS ? CHARACTERS : tokens, ...values];
}
