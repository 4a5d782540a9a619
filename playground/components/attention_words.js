// The sentence beside the heatmap, as [its subject, which is set in bold, the rest].
import { shown } from "./wording.js";

/** Of a whole head; summary: a sentence that begins with a verb. */
export function headWords(head, summary) {
  return [`Head ${head + 1}`, ` ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`];
}

/** Of one row: the positions `top` to which it attends most, and its weights, from 0 to 1. */
export function rowWords(tokens, row, top, weights) {
  const places = top.map((column) => `“${shown(tokens[column])}” ${weights[column].toFixed(2)}`);
  return [`“${shown(tokens[row])}” at ${row + 1}`, ` looks at ${places.join(", ") || "no position"}`];
}
