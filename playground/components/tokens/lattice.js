// Unigram: all pieces that fit into a word, each over its bytes with its log-probability, and the likeliest path.
import { button, make, press } from "../basics/dom.js";
import { pieceNode } from "./piece.js";
import { rowsFor, visible } from "./words.js";

const MOST_SHARE = 34; // per cent of the colour of the likeliest piece

export class LatticePicture {
  /** choose(index): a word is chosen. */
  constructor(choose) {
    this.choose = choose;
    this.pills = make("div", "lattice-words");
    this.grid = make("div", "lattice-grid");
    this.scroll = make("div", "lattice-scroll");
    this.scroll.setAttribute("role", "img");
    this.scroll.tabIndex = 0; // it scrolls
    this.scroll.append(this.grid);
    const box = make("div", "lattice-box");
    box.append(this.pills, this.scroll);
    this.nodes = [box];
  }

  /** Draws word `at` of an answer of the server (`playground/cutting/player.py`). */
  show({ words }, at) {
    if (this.drawn !== words) {
      this.drawn = words;
      this.pills.replaceChildren(
        ...words.map(({ word }, index) => button(visible(word), "pill-button", "Show this word", () => this.choose(index))),
      );
    }
    [...this.pills.children].forEach((pill, index) => press(pill, index === at));
    const { pieces, bytes, words: said } = words[at];
    this.scroll.setAttribute("aria-label", said);
    this.grid.style.setProperty("--bytes", bytes);
    const rows = rowsFor(pieces.map(([, start, end]) => [start, end]));
    const scores = pieces.map(([, , , score]) => score);
    const [least, most] = [Math.min(...scores), Math.max(...scores)];
    this.grid.replaceChildren(
      ...pieces.map(([text, start, end, score, best], index) => {
        const node = make("div", best ? "lattice-piece best" : "lattice-piece");
        node.style.gridColumn = `${start + 1} / ${end + 1}`;
        node.style.gridRow = String(rows[index] + 1);
        const share = most > least ? (score - least) / (most - least) : 1;
        node.style.setProperty("--share", `${Math.round(MOST_SHARE * share)}%`);
        node.append(pieceNode("", text), make("span", "lattice-score", `−${Math.abs(score).toFixed(1)}`));
        return node;
      }),
    );
  }
}
