// The next token: bars of the probabilities after the text in the box. They move with the sliders of
// Write, without asking the server; the pale bar behind each is its probability at temperature 1.
import { make, scrolling } from "../basics/dom.js";
import { distribution, floats, ranked } from "./sampling.js";
import { percent, shown, whole } from "../basics/wording.js";

const BARS = 12; // of the likeliest tokens
const MOST_FLAT = 100; // if all are about equally likely, all are shown, up to so many
const MOST_LETTERS = 9; // of a token beside its bar
const SLIDERS = { temperature: "temperature", topK: "top_k", topP: "top_p" };

export class NextPicture {
  /** key: the rung's name, of whose sliders the values are read. */
  constructor({ key }) {
    this.key = key;
    this.node = scrolling("next-picture", "The next token");
    this.stages = make("p", "figure-words");
    this.bars = make("div", "next-bars");
    this.words = make("p", "figure-words");
    this.node.append(this.stages, this.words, this.bars);
    document.addEventListener("input", ({ target }) => {
      if (this.answer && target.closest?.(`[id^="${key}-sample-"]`)) this.render();
    });
  }

  show(answer) {
    this.answer = answer;
    this.logits = floats(answer.logits);
    this.render();
  }

  fit() {}

  settings() {
    const read = ([name, field]) => {
      const slider = document.querySelector(`#${this.key}-sample-${field} input`);
      return [name, slider ? Number(slider.value) : undefined];
    };
    return Object.fromEntries(Object.entries(SLIDERS).map(read));
  }

  render() {
    const { tokens, text, characters_per_token: each = 1 } = this.answer; // of many tokens, the likeliest have names
    const count = this.logits.length;
    const settings = this.settings();
    const plain = distribution(this.logits).probabilities;
    const { probabilities, kept } = distribution(this.logits, settings);
    this.stages.replaceChildren(...stageWords(settings, kept, count));
    const order = ranked(this.logits);
    const flat = plain[order[0]] < 2 / count;
    const shownBars = order.slice(0, flat ? MOST_FLAT : BARS);
    this.bars.classList.toggle("flat", flat);
    const longest = Math.max(...shownBars.map((id) => tokens[id].length));
    this.bars.style.setProperty("--length", Math.min(longest, MOST_LETTERS)); // longer ones are in the row's title
    const highest = Math.max(...shownBars.flatMap((id) => [probabilities[id], plain[id]]));
    const widest = flat ? Math.max(highest, 2 / count) : highest; // what is flat looks flat
    this.bars.replaceChildren(
      ...shownBars.map((id) => bar(tokens[id], this.logits[id], probabilities[id], plain[id], widest)),
    );
    const after = `after “${shown(text.slice(-12).join(""))}”`;
    this.words.textContent = flat
      ? `${after}: ${flatWords(count, each)}`
      : `${after}; pale: at temperature 1, without top-k and top-p`;
  }
}

/** What equal bars of V tokens mean; each: the characters of a token on average. */
export function flatWords(V, each) {
  const nats = Math.log(V);
  const all = whole(V);
  const guess = `about 1 in ${all} each, as of a model that knows nothing. A guess of 1 in ${all} costs ln ${all} = ${nats.toFixed(2)} nats`;
  if (each === 1) return `${guess}: that is where the loss begins.`;
  return (
    `${guess} for a piece of about ${each.toFixed(1)} characters, so ${(nats / each).toFixed(2)} per character: ` +
    `that is about where the loss begins. Shown: ${whole(Math.min(V, MOST_FLAT))}.`
  );
}

/** The way from scores to probabilities, with the settings in it. */
function stageWords({ temperature = 1, topK = 0, topP = 1 }, kept, all) {
  const stages = [
    "scores",
    temperature === 0 ? "temperature 0: the highest only" : `÷ temperature ${temperature}`,
    topK > 0 ? `top-k ${topK}` : "top-k off",
    topP < 1 ? `top-p ${topP}` : "top-p off",
    "softmax",
  ];
  return [make("span", "", stages.join(" → ")), make("b", "", ` ${whole(kept)} of ${whole(all)} can be drawn`)];
}

function bar(token, logit, probability, plain, widest) {
  const row = make("div", "next-row");
  const track = make("span", "next-track");
  const pale = make("span", "next-pale");
  const full = make("span", "next-full");
  pale.style.width = `${(100 * plain) / widest}%`;
  full.style.width = `${(100 * probability) / widest}%`;
  track.append(pale, full);
  row.append(
    make("span", "next-token", shown(token)),
    make("span", "next-logit", logit.toFixed(1)),
    track,
    make("span", "next-percent", percent(probability)),
  );
  row.title = `“${shown(token)}”: score ${logit.toFixed(2)}; ${percent(plain)} at temperature 1`;
  return row;
}
