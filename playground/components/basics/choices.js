// What else could have come at a written token, as bars in the tooltip: in Write, and in the samples of the diary.
import { make } from "./dom.js";
import { percent, shown } from "./wording.js";

/** Fills a tooltip with a token [text, probability, [[name, probability] of the likeliest, ...], name if another]. */
export function showChoices(tip, [text, probability, others, made = text]) {
  tip.append(make("b", "", `“${shown(made)}” ${percent(probability)}`));
  for (const [other, p] of others) {
    const row = make("div", other === made ? "tip-row chosen" : "tip-row");
    const bar = make("span", "tip-bar");
    bar.style.width = `${Math.round(80 * p)}px`;
    row.append(make("span", "tip-token", shown(other)), bar, make("span", "", percent(p)));
    tip.append(row);
  }
}

/** The tokens of a sample that its brief form shows: no empty lines, nothing but text at its ends. */
export function briefly(tokens) {
  const blank = (index) => !tokens[index]?.[0].trim();
  const first = tokens.findIndex((_, index) => !blank(index));
  const last = tokens.findLastIndex((_, index) => !blank(index));
  return [...tokens.keys()].filter((index) => {
    const repeats = tokens[index][0] === "\n" && tokens[index - 1]?.[0] === "\n";
    return first >= 0 && index >= first && index <= last && !repeats;
  });
}
