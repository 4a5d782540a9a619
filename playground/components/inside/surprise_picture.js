// Surprise: each token of a held-out passage under a bar of its loss. The mean of the bars is the loss, of pieces
// divided by their characters.
import { make } from "../basics/dom.js";
import { tooltip } from "../basics/tooltip.js";
import { shown, surprise } from "../basics/wording.js";

const SCALES = [
  // marks [nats, words]; a bar does not grow beyond the last
  [[0.1, "expected"], [2, "1 in 7"], [4, "1 in 55"], [6, "1 in 400 or less"]],
  [[0.1, "expected"], [3, "1 in 20"], [6, "1 in 400"], [9, "1 in 8,000 or less"]], // of many tokens
];
const SMALL = 5.5; // nats of a guess among all tokens that the first scale has room for

export class SurprisePicture {
  constructor() {
    this.node = make("div", "surprise-picture");
    this.words = make("p", "figure-words");
    this.bars = make("div", "surprise-bars");
    this.legend = make("div", "surprise-legend");
    this.node.append(this.words, this.legend, this.bars); // a long passage scrolls under both
    tooltip(this.bars, ".surprise-cell", (tip, pointed) => {
      const index = Number(pointed.dataset.index);
      const { tokens, losses } = this.answer;
      tip.append(make("b", "", `“${shown(tokens[index])}”`), ` ${surprise(losses[index] ?? NaN)}`);
    });
  }

  show(answer) {
    this.answer = answer;
    const { tokens, losses, mean, uniform } = answer;
    const marks = SCALES[uniform > SMALL ? 1 : 0];
    const [highest] = marks.at(-1);
    legend(this.legend, marks);
    this.bars.style.setProperty("--mean", `${(100 * Math.min(mean, highest)) / highest}%`);
    this.bars.replaceChildren(...tokens.map((token, index) => cell(token, losses[index], index, highest)));
    const [number, words] = meanWords(answer);
    this.words.replaceChildren(make("b", "", number), words);
  }

  fit() {}
}

/** The mean of the bars as [number, words]; the loss is per character, whatever a token is. */
export function meanWords({ mean, uniform, held_out: heldOut, per_character: loss, characters_per_token: each = 1 }) {
  const where = heldOut ? "this passage, which is not in its training text" : "the text in the box";
  const nothing = `Knowing nothing would be ${uniform.toFixed(2)}`;
  if (each === 1) return [mean.toFixed(2), ` nats is the mean of these bars: the loss on ${where}. ${nothing}.`];
  return [
    loss.toFixed(2),
    ` nats per character is the loss on ${where}: the bars, ${mean.toFixed(2)} for a piece on average, divided by ` +
      `its characters. ${nothing} for a piece, about ${(uniform / each).toFixed(2)} per character.`,
  ];
}

function cell(token, loss, index, highest) {
  const node = make("span", "surprise-cell");
  node.dataset.index = index;
  node.style.setProperty("--length", token.length);
  node.tabIndex = -1;
  const column = make("span", "surprise-bar");
  const share = Number.isFinite(loss) ? Math.min(loss / highest, 1) : 0;
  column.style.setProperty("--height", `${100 * share}%`);
  column.style.setProperty("--share", `${Math.round(100 * share)}%`);
  node.append(column, make("span", "surprise-token", token === " " ? " " : shown(token)));
  return node;
}

function legend(node, marks) {
  node.replaceChildren();
  for (const [nats, words] of marks) {
    const mark = make("span", "surprise-mark");
    mark.style.setProperty("--share", `${Math.round((100 * nats) / marks.at(-1)[0])}%`);
    node.append(mark, make("span", "", words));
  }
  node.append(make("span", "surprise-mean-key", "mean"));
}
