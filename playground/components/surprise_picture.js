// Surprise: each character of a held-out passage under a bar of its loss. The mean of the bars is the loss.
import { make } from "./dom.js";
import { tooltip } from "./tooltip.js";
import { shown, surprise } from "./wording.js";

const HIGHEST = 6; // nats; a bar does not grow beyond

export class SurprisePicture {
  constructor() {
    this.node = make("div", "surprise-picture");
    this.words = make("p", "figure-words");
    this.bars = make("div", "surprise-bars");
    this.node.append(this.words, legend(), this.bars); // a long passage scrolls under both
    tooltip(this.bars, ".surprise-cell", (tip, pointed) => {
      const index = Number(pointed.dataset.index);
      const { tokens, losses } = this.answer;
      tip.append(make("b", "", `“${shown(tokens[index])}”`), ` ${surprise(losses[index] ?? NaN)}`);
    });
  }

  show(answer) {
    this.answer = answer;
    const { tokens, losses, mean, uniform, held_out: heldOut } = answer;
    this.bars.style.setProperty("--mean", `${(100 * Math.min(mean, HIGHEST)) / HIGHEST}%`);
    this.bars.replaceChildren(...tokens.map((token, index) => cell(token, losses[index], index)));
    const where = heldOut ? "this passage, which it never learned from" : "the text in the box";
    this.words.replaceChildren(
      make("b", "", mean.toFixed(2)),
      ` nats is the mean of these bars: the loss on ${where}. Knowing nothing would be ${uniform.toFixed(2)}.`,
    );
  }

  fit() {}
}

function cell(token, loss, index) {
  const node = make("span", "surprise-cell");
  node.dataset.index = index;
  node.tabIndex = -1;
  const column = make("span", "surprise-bar");
  const share = Number.isFinite(loss) ? Math.min(loss / HIGHEST, 1) : 0;
  column.style.setProperty("--height", `${100 * share}%`);
  column.style.setProperty("--share", `${Math.round(100 * share)}%`);
  node.append(column, make("span", "surprise-token", token === " " ? " " : shown(token)));
  return node;
}

function legend() {
  const node = make("div", "surprise-legend");
  for (const [nats, words] of [
    [0.1, "expected"],
    [2, "1 in 7"],
    [4, "1 in 55"],
    [HIGHEST, "1 in 400 or less"],
  ]) {
    const mark = make("span", "surprise-mark");
    mark.style.setProperty("--share", `${Math.round((100 * nats) / HIGHEST)}%`);
    node.append(mark, make("span", "", words));
  }
  node.append(make("span", "surprise-mean-key", "mean"));
  return node;
}
