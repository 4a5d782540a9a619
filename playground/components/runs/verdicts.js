// The sentences beneath the chart: what each run's difference from the first one bought, and what it cost.
import { make } from "../basics/dom.js";

export class RunsVerdicts {
  constructor(ticks) {
    this.ticks = ticks;
    this.said = null;
    this.node = make("div", "runs-verdicts figure-words");
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "The comparison in words");
    this.node.setAttribute("aria-live", "polite");
    this.node.tabIndex = 0; // it scrolls
    ticks.lights(this.node, (node) => node.closest?.("[data-run]")?.dataset.run ?? null);
  }

  /** Shows sentences {run or null, text}. */
  show(sentences) {
    const key = JSON.stringify([sentences, this.ticks.runs]);
    if (key === this.said) return;
    this.said = key;
    this.node.replaceChildren(
      ...sentences.map(({ run, text }) => {
        const node = make("p", "", text);
        if (!run) return node;
        node.dataset.run = run;
        node.title = text; // where a line is too narrow for it
        node.style.setProperty("--run", `var(--chart-run-${this.ticks.places.get(run)})`);
        return node;
      }),
    );
  }
}
