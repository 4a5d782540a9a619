// The heads of the model shown that a visitor has switched off, and what that costs.
import { ask } from "../basics/calls.js";

const AGAIN_MS = 700; // between two questions for the cost

export class HeadsOff {
  /** changed(): draw anew; tell(words): the cost, or ""; gone(): whether the page has dropped the card. */
  constructor(tab, server, { changed, tell, gone }) {
    Object.assign(this, { tab, server, changed, tell, gone });
    this.off = []; // [layer, head] each
  }

  has(layer, head) {
    return this.off.some(([l, h]) => l === layer && h === head);
  }

  toggle([layer, head]) {
    const others = this.off.filter(([l, h]) => l !== layer || h !== head);
    this.off = others.length < this.off.length ? others : [...others, [layer, head]];
    this.changed();
    this.askCost();
  }

  /** All heads are on again: another run is shown. */
  clear() {
    this.off = [];
    this.tell("");
  }

  /** Asks again until the loss without these heads is known. */
  async askCost() {
    const { off, tab } = this;
    const { run } = tab.record;
    if (!off.length) return this.tell("");
    this.tell("Off: working the loss out …");
    for (;;) {
      const answer = await ask(this.server, "cost", [run, tab.step, off]);
      if (off !== this.off || run !== tab.record.run || this.gone()) return;
      if (answer?.error) return this.tell(answer.error);
      if (answer?.words) this.tell(answer.words);
      if (answer?.done) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
