// Beside the loss chart: which line is which run, and, under it, a sentence on what each other run's difference bought.
import { button, keepFocus, make } from "../basics/dom.js";
import { RunsVerdicts } from "../runs/verdicts.js";
import { labelAmong } from "../runs/words.js";

// The lines of the run shown; old text: of a run that started from another; exactly right: of pairs only.
const OWN = ["train", "validation", "old text", "exactly right"];

export class OverlayKey {
  /** ticks: the runs that are laid over; model: of the tab. */
  constructor(ticks, model) {
    Object.assign(this, { ticks, model });
    this.node = make("span", "key");
    this.own = OWN.map((line) => make("span", `key-item key-${line.split(" ").at(-1)}`, line));
    this.previous = make("span", "key-item key-previous", "previous run");
    this.node.append(...this.own, this.previous);
    this.verdicts = new RunsVerdicts(ticks);
    this.verdicts.node.hidden = true;
    ticks.lights(this.node, (node) => node.closest?.("[data-run]")?.dataset.run ?? null);
  }

  /** rows: of the overlaid runs, as the list tells them; said: the verdict on each, {run, text}. */
  show(rows, said) {
    this.own.forEach((node, index) => {
      node.textContent = rows.length ? `this run, ${OWN[index]}` : OWN[index];
    });
    const all = [...rows, { model: this.model }]; // a run of another model is named by its model
    const items = rows.map((run) => this.item(run, labelAmong(run, all)));
    const place = () => {
      for (const node of this.node.querySelectorAll(".key-overlay")) if (!items.includes(node)) node.remove();
      for (const node of items) if (!node.isConnected) this.node.append(node); // one that stays keeps the focus
    };
    const menu = () => this.node.closest(".loss-card")?.querySelector(".overlay-menu summary");
    keepFocus(this.node, place, () => items[0] ?? menu());
    const told = said.filter(({ run }) => this.ticks.has(run));
    this.verdicts.node.hidden = !told.length;
    this.verdicts.show(told);
  }

  /** The button of a run: the one that is there already, or a new one. */
  item({ run }, name) {
    const there = [...this.node.querySelectorAll(".key-overlay")].find(({ dataset }) => dataset.run === run);
    const node = there ?? button("", "key-item key-overlay", "", () => this.ticks.set(run, false));
    node.dataset.run = run;
    if (node.textContent !== name) node.textContent = name;
    node.title = `Take ${name} off the chart`;
    node.style.setProperty("--run", `var(--chart-run-${this.ticks.places.get(run)})`);
    return node;
  }
}
