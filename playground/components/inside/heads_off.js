// The heads of the model shown that a visitor has switched off, and what that costs.
import { ask } from "../basics/calls.js";
import { join, moved, opens, whenRead } from "../page/link.js";

const AGAIN_MS = 700; // between two questions for the cost

/** Heads as the address names them, counted from 1: "1.4,3.2"; with an encoder, "encoder.1.4". */
export const headsTold = (heads) => heads.map((one) => one.map((n) => (typeof n === "number" ? n + 1 : n)).join(".")).join(",");

/** The heads of such words; those that cannot be are left out. */
export function headsIn(words) {
  const heads = words.split(",").map((one) => one.split("."));
  const fits = heads.filter((one) => [2, 3].includes(one.length) && one.slice(-2).every((n) => /^[1-9]\d?$/.test(n)));
  return fits.map((one) => [...one.slice(0, -2), ...one.slice(-2).map((n) => Number(n) - 1)]);
}

export class HeadsOff {
  /** changed(): draw anew; tell(words): the cost, or ""; gone(): whether the page has dropped the card. */
  constructor(tab, server, { changed, tell, gone }) {
    Object.assign(this, { tab, server, changed, tell, gone });
    this.off = []; // [layer, head] each, of a model with an encoder [part, layer, head]
    this.asked = []; // by the link with which the page was opened, until its run is here
    const told = () => ({ off: headsTold(this.off.length ? this.off : this.asked) });
    join(tab.key, ["off"], told, ({ off }) => {
      this.asked = headsIn(off);
    });
    this.linked = false; // these heads are those of the link
    whenRead(() => this.takeAsked());
  }

  /** Switches off what the link asked for, once its run is here. */
  takeAsked() {
    if (!this.asked.length || opens() || !this.tab.record.events.length) return;
    Object.assign(this, { off: this.asked, asked: [], linked: true });
    this.changed();
    this.askCost();
  }

  /** The server refuses the heads; whether that was the link's fault, whose heads are then on again. */
  refused() {
    const { linked } = this;
    if (linked) this.clear();
    return linked;
  }

  has(...head) {
    return this.off.some((one) => String(one) === String(head));
  }

  toggle(head) {
    const others = this.off.filter((one) => String(one) !== String(head));
    this.off = others.length < this.off.length ? others : [...others, head];
    this.linked = false;
    this.changed();
    this.askCost();
    moved();
  }

  /** All heads are on again: another run is shown. */
  clear() {
    Object.assign(this, { off: [], linked: false });
    this.tell("");
    moved();
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
