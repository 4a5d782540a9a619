// The sentence beside the heatmap, as [its subject, which is set in bold, the parts of the rest]. A part is
// [words, what they mean or null].
import { make } from "../basics/dom.js";
import { tooltip } from "../basics/tooltip.js";
import { shown } from "../basics/wording.js";

/** Of a whole head; summary: the parts of a sentence that begins with a verb. */
export function headWords(head, summary) {
  return [`Head ${head + 1}`, [[" ", null], ...summary]];
}

/** Of one row: the positions `top` to which it attends most, and its weights, from 0 to 1; columns: their tokens. */
export function rowWords(tokens, row, top, weights, columns = tokens) {
  const places = top.map((column) => `“${shown(columns[column])}” ${weights[column].toFixed(2)}`);
  const rest = ` looks at ${places.join(", ") || "no position"}`;
  return [`“${shown(tokens[row])}” at ${row + 1}`, [[rest, null]]];
}

/** The paragraph in which such a sentence stands. A term is explained when it is pointed at, tapped, or reached. */
export function wordsNode() {
  const node = make("p", "figure-words");
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", "What it looks at; arrow keys go through the terms and explain them");
  tooltip(node, ".explained", (tip, term) => tip.append(make("b", "", `${term.textContent}: `), term.dataset.means));
  return node;
}

/** Puts a sentence into its paragraph. */
export function tell(node, [subject, parts]) {
  const terms = parts.map(([words, means]) => {
    if (!means) return words;
    const term = make("span", "explained", words);
    term.dataset.means = means;
    return term;
  });
  node.replaceChildren(make("b", "", subject), ...terms);
}
