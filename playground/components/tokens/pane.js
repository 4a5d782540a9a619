// One side of the view: the menu of tokens, and the text as coloured pieces, each linked with the text beside it.
import { make, option } from "../basics/dom.js";
import { tooltip } from "../basics/tooltip.js";
import { tokensTitle } from "../page/chosen_tokens.js";
import { LEARNING } from "./learning.js";
import { pieceNode } from "./piece.js";
import { overlapping, pieceWords } from "./words.js";

const HUES = 4;
const KINDS = ["bpe", "unigram"];

export class Pane {
  /** side: "left" or "right"; light(range or null) is called with the characters of the piece that is reached. */
  constructor({ side, vocabularies, chosen, choose, light }) {
    this.pieces = [];
    this.letters = [];
    this.node = make("section", "tokens-side");
    this.menu = make("select", "tokens-menu");
    this.menu.setAttribute("aria-label", `Tokens on the ${side}`);
    this.vocabularies = vocabularies;
    this.offer(chosen);
    this.menu.addEventListener("change", () => choose(this.menu.value));
    this.facts = make("span");
    const line = make("div", "tokens-line");
    line.append(this.menu, this.facts);
    this.box = make("div", "pieces");
    this.box.setAttribute("role", "group");
    this.foot = make("p", "tokens-foot");
    this.node.append(line, this.box, this.foot);
    const reach = (node) => light(node ? this.pieces[node.dataset.index] : null);
    const fill = (tip, node) => {
      const [name, words] = pieceWords(this.pieces[node.dataset.index], this.letters);
      tip.append(make("b", "", name), ` ${words}`);
    };
    tooltip(this.box, ".piece", fill, reach);
    this.box.addEventListener("pointerover", ({ target }) => reach(target.closest(".piece")));
    this.box.addEventListener("pointerleave", () => reach(null));
  }

  /** Fills the menu, with these tokens chosen. */
  offer(chosen) {
    this.chosen = chosen;
    const offered = ["characters", ...KINDS.flatMap((kind) => this.vocabularies.map((size) => `${kind}:${size}`))];
    if (!offered.includes(chosen)) offered.push(chosen);
    this.menu.replaceChildren(...offered.map((one) => option(tokensTitle(one), one)));
    this.menu.value = chosen;
  }

  /** Draws a pane of the server's answer; letters: the characters of the text. */
  show({ facts = "", vocabulary = "", pieces = [], error = "", again = false }, letters) {
    this.pieces = pieces;
    this.letters = letters;
    this.facts.textContent = facts;
    this.facts.title = facts;
    this.foot.textContent = again ? LEARNING : error || vocabulary;
    this.foot.classList.toggle("problem", Boolean(error) && !again);
    const nodes = [];
    pieces.forEach(([id, text], index) => {
      const node = pieceNode(`piece hue-${index % HUES}${id === null ? " unknown" : ""}`, text);
      node.dataset.index = index;
      if (id !== null) node.append(make("span", "piece-id", String(id)));
      nodes.push(node);
      if (text.endsWith("\n")) nodes.push(make("br"));
    });
    this.nodes = nodes.filter(({ dataset }) => dataset.index !== undefined);
    this.box.replaceChildren(...nodes);
    const said = error || `${pieces.length} pieces with ${tokensTitle(this.chosen)}. Arrow keys go through them`;
    this.box.setAttribute("aria-label", said);
  }

  /** Lights the pieces of the characters [start, end), and those with the same id; null: none. */
  light(range) {
    const lit = new Set(range ? overlapping(this.pieces, ...range) : []);
    const ids = new Set([...lit].map((index) => this.pieces[index][0]));
    this.nodes?.forEach((node, index) => {
      node.classList.toggle("lit", lit.has(index));
      node.classList.toggle("alike", lit.size === 1 && !lit.has(index) && ids.has(this.pieces[index][0]));
    });
  }
}
