// Cross-attention as lines: the line that was read above, the answer below, and from each of its characters lines to
// those that it takes most from.
import { linesOf, fontFor, strength } from "./lines.js";
import { PairPicture, tellRoles } from "./pair_picture.js";
import { allInWords } from "../inside/heat_map_keys.js";
import { cells, rowOf } from "../inside/attention_weights.js";
import { hueOf } from "../inside/heat_map.js";
import { isVisible, make } from "../basics/dom.js";
import { tooltip } from "../basics/tooltip.js";
import { shown, surprise } from "../basics/wording.js";

const SVG = "http://www.w3.org/2000/svg"; // the name of a language, no address

export class LinesPicture extends PairPicture {
  /** The drawing: two lines of text and an SVG between them. Arrow keys go through the answer. */
  keys() {
    this.source = make("div", "pair-line");
    this.target = make("div", "pair-line");
    this.lines = document.createElementNS(SVG, "svg");
    this.lines.setAttribute("class", "pair-lines");
    this.lines.setAttribute("aria-hidden", "true");
    this.sheet = make("div", "pair-sheet");
    this.sheet.append(this.source, this.lines, this.target);
    this.plot.classList.add("pair-plot");
    this.plot.setAttribute("role", "group");
    this.plot.append(this.sheet);
    const rowAt = ({ target }) => target.closest(".pair-asks")?.dataset.index;
    this.plot.addEventListener("pointerover", (event) => this.point(rowAt(event) === undefined ? null : Number(rowAt(event))));
    this.plot.addEventListener("pointerleave", () => this.point(null));
    this.plot.addEventListener("click", (event) => rowAt(event) !== undefined && this.pin(Number(rowAt(event))));
    this.plot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || this.pointed === null) return;
      this.pin(this.pointed);
      event.preventDefault();
    });
    const reached = (node) => this.point(node ? Number(node.dataset.index) : null);
    const tip = (box, node) => {
      const row = Number(node.dataset.index);
      box.append(make("b", "", `“${shown(this.answer.tokens[row])}”`), ` ${surprise(this.answer.losses[row] ?? NaN)}`);
    };
    tooltip(this.plot, ".pair-asks", tip, reached);
    return () => {
      const { tokens, columns } = this.answer;
      const told = allInWords(tokens, cells(this.chosen), columns);
      this.plot.setAttribute("aria-label", `${this.words.textContent} Arrow keys read the answer. ${told}`);
    };
  }

  show(answer) {
    this.strip.node.hidden = this.read.hidden = true; // both texts stand in the drawing
    super.show(answer);
    tellRoles(this.roles, answer, ["Below asks", "above answers"]);
  }

  showText() {
    const { tokens, columns } = this.answer;
    const nodes = (texts, className) =>
      texts.map((text, index) => {
        const node = make("span", className, shown(text));
        node.dataset.index = index;
        return node;
      });
    this.source.replaceChildren(...nodes(columns, "pair-answers"));
    this.target.replaceChildren(...nodes(tokens, "pair-asks"));
  }

  renderHead() {
    this.unseen = !isVisible(this.plot);
    if (this.unseen) return;
    this.drawLines();
    this.showFocus();
    this.describe();
  }

  drawLines() {
    const { tokens, columns, figure } = this.answer;
    const characters = Math.max(...[tokens, columns].map((texts) => texts.join("").length));
    this.sheet.style.fontSize = `${fontFor(characters, this.plot.clientWidth)}px`;
    const hue = hueOf(figure, this.head);
    const box = this.lines.getBoundingClientRect();
    const middle = (node) => {
      const { left, width } = node.getBoundingClientRect();
      return left + width / 2 - box.left;
    };
    const [above, below] = [this.source, this.target].map((line) => [...line.children].map(middle));
    this.drawn = linesOf(tokens.length, (row) => rowOf(this.chosen, row));
    this.lines.replaceChildren(
      ...this.drawn.map(([row, column, weight]) => {
        const line = document.createElementNS(SVG, "line");
        const ends = { x1: above[column], y1: 2, x2: below[row], y2: box.height - 2 };
        for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value);
        line.setAttribute("stroke", hue);
        line.setAttribute("stroke-width", 1 + 2 * weight);
        return line;
      }),
    );
  }

  fit() {
    if (!this.answer) return;
    this.renderThumbs(); // they hold the colours of the theme
    this.renderHead();
  }

  refocus() {
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = requestAnimationFrame(() => this.answer && this.showFocus());
  }

  dimText(row, weights, hue) {
    (this.drawn ?? []).forEach(([from, , weight], index) => {
      this.lines.children[index].setAttribute("opacity", strength(from, weight, row));
    });
    [...this.target.children].forEach((node, at) => node.classList.toggle("looks", at === row));
    [...this.source.children].forEach((node, at) => {
      const share = row === null ? 0 : (weights[at] ?? 0);
      node.style.background = share ? `color-mix(in srgb, ${hue} ${Math.round(70 * share)}%, transparent)` : "";
    });
  }
}
