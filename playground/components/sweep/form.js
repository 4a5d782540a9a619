// The form of a new sweep: a model, one setting or two with their values, or a number of sizes; and the costs.
import { ask } from "../basics/calls.js";
import { chosenText, onText } from "../page/chosen_text.js";
import { button, debounce, isVisible, make, option } from "../basics/dom.js";
import { costWords } from "./words.js";

const SOON_MS = 300; // after the last key
const AGAIN_MS = 2500; // while times are not known
const PATIENCE_MS = 60000; // a text may have to be counted first
const NO_ANSWER = "The server does not answer. Try again in a moment.";

export class SweepForm {
  /** models: [{name, title, settings: [[name, title, help]]}]; begun(key): called when a sweep has begun. */
  constructor(models, server, begun) {
    Object.assign(this, { models, server, begun });
    this.asked = 0;
    this.node = make("form", "sweep-form");
    this.costs = make("p", "figure-words sweep-costs");
    this.costs.setAttribute("role", "status");
    this.build();
    this.changed = debounce(() => this.reckon(), SOON_MS);
    this.node.addEventListener("input", () => this.hear());
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    onText(() => this.changed(), this.node);
    this.fill();
  }

  build() {
    this.model = this.menu("Model", this.models.map(({ name, title }) => option(title, name)));
    this.model.value = this.models.at(-1).name;
    const kinds = [option("sizes", "scale"), option("a setting", "vary")];
    this.kind = this.menu("Vary", kinds);
    this.count = this.field("Sizes", "5", "number");
    this.largest = this.field("to parameters", "200000", "number");
    this.first = this.pair("Setting");
    this.second = this.pair("And another");
    this.steps = this.field("Steps of each", "300", "number");
    this.go = button("▶ Start", "pill-button sweep-go", "train these runs, one after the other", () => {});
    this.go.type = "submit";
    const rows = [[this.model, this.kind, this.count, this.largest, this.steps], this.first, this.second];
    for (const row of rows) {
      const line = make("div", "sweep-row");
      line.append(...row.map((one) => one.parentElement));
      this.node.append(line);
    }
    this.node.append(this.costs, this.go);
  }

  menu(title, options) {
    const node = make("select", "runs-menu");
    node.append(...options);
    return this.labelled(title, node);
  }

  field(title, value, type = "text") {
    const node = make("input", "runs-menu sweep-field");
    Object.assign(node, { type, value });
    if (type === "number") Object.assign(node, { min: 1, step: 1 });
    return this.labelled(title, node);
  }

  pair(title) {
    const values = this.field("values", "");
    values.placeholder = "1,2,4,8";
    return [this.menu(title, []), values];
  }

  labelled(title, node) {
    const label = make("label", "sweep-label", `${title} `);
    node.setAttribute("aria-label", title); // without the choices of a menu
    label.append(node);
    return node;
  }

  /** The settings of the model that is chosen, and the fields that are needed. */
  fill() {
    const { settings } = this.models.find(({ name }) => name === this.model.value);
    const known = settings.map(([name, title]) => option(title, name));
    this.first[0].replaceChildren(...known);
    this.second[0].replaceChildren(option("none", ""), ...known.map((one) => one.cloneNode(true)));
    if (settings.some(([name]) => name === "n_layer")) this.first[0].value = "n_layer";
    this.filled = this.model.value;
    this.hear();
  }

  hear() {
    if (this.filled !== this.model.value) this.fill();
    const scale = this.kind.value === "scale";
    this.count.parentElement.hidden = this.largest.parentElement.hidden = !scale;
    this.first[0].closest(".sweep-row").hidden = scale;
    this.second[0].closest(".sweep-row").hidden = scale;
    this.second[1].parentElement.hidden = !this.second[0].value;
    for (const [menu, values] of [this.first, this.second]) {
      const { settings } = this.models.find(({ name }) => name === this.model.value);
      values.title = settings.find(([name]) => name === menu.value)?.[2] ?? "";
    }
    this.told = null;
    this.go.disabled = true;
    this.changed();
  }

  get question() {
    const vary = [this.first, this.second].map(([menu, values]) => [menu.value, values.value]);
    return {
      model: this.model.value,
      kind: this.kind.value,
      text: chosenText(),
      vary: vary.filter(([name]) => name),
      count: Number(this.count.value),
      largest: Number(this.largest.value),
      steps: Number(this.steps.value),
    };
  }

  /** Asks for the costs of what the form says now, again until all times are known. */
  async reckon() {
    const mine = ++this.asked;
    if (!this.node.isConnected || !isVisible(this.node) || !chosenText()) return;
    if (!this.told) this.costs.textContent = costWords(null);
    const answer = await ask(this.server, "costs", [this.question], PATIENCE_MS);
    if (mine !== this.asked) return;
    this.told = answer;
    this.costs.textContent = answer ? costWords(answer) : NO_ANSWER;
    this.costs.classList.toggle("impossible", Boolean(!answer || answer.error));
    this.go.disabled = !answer || Boolean(answer.error) || this.starting;
    const open = answer && !answer.error && answer.known < answer.runs;
    if (open) setTimeout(() => mine === this.asked && this.reckon(), AGAIN_MS);
  }

  async start() {
    if (this.starting || this.go.disabled) return;
    this.starting = this.go.disabled = true;
    const answer = await ask(this.server, "sweep", [this.question], PATIENCE_MS);
    this.starting = false;
    this.go.disabled = false;
    if (answer?.sweep) return this.begun(answer.sweep);
    this.costs.textContent = answer?.error ?? NO_ANSWER;
    this.costs.classList.add("impossible");
  }
}
