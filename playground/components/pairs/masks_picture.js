// Who may look where: the masks of the encoder, of the decoder, and between them, side by side.
import { colour } from "../page/appearance.js";
import { make } from "../basics/dom.js";
import { unpack } from "../inside/attention_weights.js";

export class MasksPicture {
  constructor() {
    this.node = make("div", "masks-picture");
    this.row = make("div", "masks-row");
    this.words = make("p", "figure-words");
    this.words.textContent =
      "Coloured: may look; grey: hidden. Rows ask, columns answer. Padding fills the shorter lines of a batch; " +
      "nobody may look at it.";
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

function figureOf({ title, kind, asks, answers, rows, columns, mask, words }) {
  const node = make("figure", "mask-figure");
  const canvas = make("canvas", "mask-canvas");
  const sentence = make("figcaption", "mask-words");
  sentence.append(make("b", "", `${title}: ${kind}`), ` — ${words}`);
  paint(canvas, unpack(mask), rows, columns);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}, ${kind}: ${words}`);
  const across = make("div", "mask-text", `${answers} →`);
  const down = make("div", "mask-text mask-down", `${asks} →`);
  const grid = make("div", "mask-grid");
  grid.append(make("span"), across, down, canvas);
  node.append(grid, sentence);
  return node;
}

function paint(canvas, mask, height, width) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillStyle = colour("masked");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour("train");
  mask.forEach((seen, cell) => seen && context.fillRect(cell % width, Math.floor(cell / width), 1, 1));
}
