// One score: how one position comes to the share that it takes from another. Two vectors, their product, the
// division, the mask and the softmax, with the numbers of the run.
import { button, make, press, scrolling } from "../basics/dom.js";
import { LayerPills } from "./layer_pills.js";
import { percent, shown } from "../basics/wording.js";

export class ScorePicture {
  /** ask(cell): asks for the arithmetic of another cell, [layer, head, row, column]. */
  constructor({ ask }) {
    this.ask = ask;
    this.node = make("div", "score-picture");
    this.heads = make("div", "score-heads");
    this.rows = make("div", "score-tokens");
    this.steps = make("div", "score-steps");
    this.softmax = scrolling("score-softmax", "The weights of the row");
    this.words = make("p", "figure-words");
    this.node.append(this.heads, this.rows, this.steps, this.softmax, this.words);
  }

  show(answer) {
    this.answer = answer;
    const { cell, tokens, weight, forbidden, divisor, size } = answer;
    const [, , row, column] = cell;
    this.heads.replaceChildren(
      this.choice("layer", answer.layers, cell[0], (layer) => [layer, cell[1], row, column]),
      this.choice("head", answer.heads, cell[1], (head) => [cell[0], head, row, column]),
    );
    this.rows.replaceChildren(
      this.picker("this token asks (query)", row, (index) => [index, column]),
      this.picker("this one answers (key)", column, (index) => [row, index]),
    );
    this.steps.replaceChildren(
      vector("query", answer.query, size),
      vector("key", answer.key, size),
      ...arithmetic(answer),
      vector("value", answer.value, size),
    );
    this.softmax.replaceChildren(...shares(answer));
    const from = `“${shown(tokens[row])}” at ${row + 1}`;
    const to = `“${shown(tokens[column])}” at ${column + 1}`;
    const divided = divisor === 1 ? "the product is not divided in this model" : `÷ √${size}`;
    this.words.textContent = forbidden
      ? `${from} may not look at ${to}: the mask puts −∞ in the place of the score, and the softmax makes it 0.`
      : `Of what ${from} takes in, ${percent(weight)} comes from ${to} (${divided}). The weights of a row sum to 1.`;
  }

  fit() {}

  /** A choice from 1 to `count`, none for a single one; at(index): the cell if another is chosen. */
  choice(name, count, chosen, at) {
    const pills = new LayerPills((index) => this.ask(at(index)), name);
    pills.show(count, chosen);
    return pills.node;
  }

  /** The text, with one token chosen; at(index): row and column if another is. */
  picker(label, chosen, at) {
    const node = make("div", "score-picker");
    node.append(make("span", "figure-unit", label));
    const { cell, tokens } = this.answer;
    for (const [index, token] of tokens.entries()) {
      const pill = button(token === " " ? "␣" : shown(token), "score-token", "", () =>
        this.ask([cell[0], cell[1], ...at(index)]),
      );
      press(pill, index === chosen);
      node.append(pill);
    }
    return node;
  }
}

/** A vector as a row of coloured cells: blue positive, orange negative, stronger for larger numbers. */
function vector(name, numbers, size) {
  const node = make("div", "score-vector");
  const largest = Math.max(...numbers.map(Math.abs), 1e-9);
  const cells = make("span", "score-cells");
  for (const number of numbers) {
    const cell = make("span", number < 0 ? "negative" : "positive");
    cell.style.setProperty("--share", `${Math.round((100 * Math.abs(number)) / largest)}%`);
    cell.title = number.toFixed(3);
    cells.append(cell);
  }
  const more = numbers.length < size ? ` first ${numbers.length} of ${size}` : ` ${size} numbers`;
  node.append(make("b", "", name), cells, make("span", "figure-unit", more));
  return node;
}

/** The product, the division and the mask, each with its number. */
function arithmetic({ product, divisor, size, forbidden }) {
  const line = make("div", "score-line");
  const by = divisor === 1 ? "not divided" : `÷ √${size} (${divisor.toFixed(2)})`;
  const score = product / divisor;
  for (const [words, number] of [
    ["query · key", product.toFixed(2)],
    [by, score.toFixed(2)],
    ["+ mask", forbidden ? "−∞" : "0"],
    ["score", forbidden ? "−∞" : score.toFixed(2)],
  ]) {
    const part = make("span", "score-part");
    part.append(make("span", "figure-unit", words), make("b", "", number));
    line.append(part);
  }
  return [line];
}

/** The softmax of the row: a bar for each position that may be looked at, the chosen one marked. */
function shares({ scores, cell, tokens }) {
  const finite = scores.filter((score) => score !== null);
  const highest = Math.max(...finite);
  const powers = scores.map((score) => (score === null ? null : Math.exp(score - highest)));
  const sum = powers.reduce((a, b) => a + (b ?? 0), 0);
  return powers.map((power, index) => {
    const share = power === null ? null : power / sum;
    const node = make("span", index === cell[3] ? "score-share chosen" : "score-share");
    node.classList.toggle("forbidden", share === null);
    node.style.setProperty("--length", tokens[index].length);
    const bar = make("span", "score-bar");
    bar.style.height = `${100 * (share ?? 0)}%`;
    node.append(bar, make("span", "", tokens[index] === " " ? "␣" : shown(tokens[index])));
    node.title = share === null ? "forbidden by the mask" : percent(share);
    return node;
  });
}
