// Who may look where: the masks of the encoder, of the decoder, and between them, side by side.
import { colour } from "../page/appearance.js";
import { make } from "../basics/dom.js";
import { unpack } from "../inside/attention_weights.js";
import { shown } from "../basics/wording.js";

const SHOWN = 40; // tokens of a text that stand beside a mask

export class MasksPicture {
  constructor() {
    this.node = make("div", "masks-picture");
    this.row = make("div", "masks-row");
    this.words = make("p", "figure-words");
    this.words.textContent =
      "Coloured: may look. Grey: hidden. Rows ask, columns answer. In a batch, shorter lines end in padding (·), " +
      "which nobody may look at: a line gives the same alone and beside longer ones.";
    this.node.append(this.row, this.words);
  }

  show(answer) {
    this.answer = answer;
    this.row.replaceChildren(...answer.masks.map(figureOf));
  }

  fit() {
    if (this.answer) this.show(this.answer); // in the colours of the theme
  }
}

function figureOf({ title, kind, rows, columns, mask, words }) {
  const node = make("figure", "mask-figure");
  const canvas = make("canvas", "mask-canvas");
  const sentence = make("figcaption", "mask-words");
  sentence.append(make("b", "", `${title}: ${kind}`), ` — ${words}`);
  paint(canvas, unpack(mask), rows.length, columns.length);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}, ${kind}: ${words}`);
  const across = make("div", "mask-text", text(columns));
  const down = make("div", "mask-text mask-down", text(rows));
  for (const one of [across, down]) one.setAttribute("aria-hidden", "true");
  const grid = make("div", "mask-grid");
  grid.append(make("span"), across, down, canvas);
  node.append(grid, sentence);
  return node;
}

/** A text as it stands beside a mask; padding has no letters. */
export function text(tokens) {
  const all = tokens.map((token) => (token === "" ? "·" : shown(token)));
  return all.length > SHOWN ? `${all.slice(0, SHOWN).join("")}…` : all.join("");
}

function paint(canvas, mask, height, width) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillStyle = colour("masked");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour("train");
  mask.forEach((seen, cell) => seen && context.fillRect(cell % width, Math.floor(cell / width), 1, 1));
}
