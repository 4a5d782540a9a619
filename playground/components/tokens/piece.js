// Nodes of pieces, in the panes and in the player: text of a visitor is only ever their textContent.
import { make } from "../basics/dom.js";
import { partsOf } from "./words.js";

/** Fills a node with a piece: its characters, its white space made visible, its bytes in boxes. */
export function fillPiece(node, text) {
  for (const [part, kind] of partsOf(text)) node.append(make("span", kind, part));
  return node;
}

/** A node with a piece. */
export const pieceNode = (className, text) => fillPiece(make("span", className), text);
