// The parameters and the predicted time of the settings that the controls show, or why they cannot work. While a
// run trains, the box says whether they are that run's.
import { ask } from "../basics/calls.js";
import { debounce, isVisible, make, onShown } from "../basics/dom.js";
import { estimateWords } from "./status_words.js";
import { LIVE } from "./feed.js";
import { tab } from "./tab.js";

const TYPED_MS = 120; // a slider that is dragged asks when it rests
const AGAIN_MS = 5000; // while a timing is to come, and after a call without an answer

class Estimate {
  constructor(element, props, _watch, server) {
    this.element = element;
    this.server = server;
    this.tab = tab(props.feed);
    this.calling = this.wanted = false;
    this.answer = null; // the last one,
    this.of = null; // and the choice that it is about
    this.again = 0; // timer
    this.line = make("div", "estimate-line");
    element.replaceChildren(this.line);
    this.tab.onChoice(debounce(() => this.call(), TYPED_MS), element);
    let lived = false;
    this.tab.subscribe(({ status }) => {
      const lives = LIVE.has(status);
      if (lived && !lives) this.call(); // now there is room for a timing, and a pace to go by
      lived = lives;
      this.show();
    }, element);
    onShown(element, () => this.wanted && this.call());
  }

  /** Asks for what is chosen now; one call is out at a time, and only while someone can see it. */
  async call() {
    this.wanted = true;
    if (this.calling || !this.tab.chosen || !isVisible(this.element)) return;
    clearTimeout(this.again);
    this.calling = true;
    while (this.wanted) {
      this.wanted = false;
      const { chosen } = this.tab;
      const answer = await ask(this.server, "estimate", [chosen.text, ...chosen.values]);
      if (chosen === this.tab.chosen) this.take(answer);
      else this.wanted = true;
    }
    this.calling = false;
  }

  take(answer) {
    if (answer) Object.assign(this, { answer, of: this.tab.chosen });
    this.show();
    if ((answer?.error && !answer.again) || ["settled", "impossible"].includes(answer?.state)) return;
    this.again = setTimeout(() => this.element.isConnected && this.call(), AGAIN_MS);
  }

  /** Writes the last answer, and whose numbers they are while a run with perhaps other settings goes on. */
  show() {
    if (!this.answer || this.of !== this.tab.chosen) return;
    const beside = LIVE.has(this.tab.record.status) ? (this.tab.stale ? "other" : "same") : null;
    const pieces = estimateWords(this.answer, beside);
    const words = pieces.map(([text]) => text).join("");
    if (this.line.textContent === words) return;
    this.line.classList.toggle("impossible", Boolean(this.answer.error));
    this.line.classList.toggle("of-pieces", Boolean(this.answer.context));
    this.line.replaceChildren(
      ...pieces.map(([text, strong]) => (strong ? make("b", "", text) : text)),
    );
  }
}

export const estimate = (...mounted) => new Estimate(...mounted);
