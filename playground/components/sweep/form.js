// The form of a new sweep: a model, one setting or two with their values, or a number of sizes; and the costs.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { chosenText, onText } from "../page/chosen_text.js";
import { onTokens } from "../page/chosen_tokens.js";
import { button, debounce, isVisible, make, onShown, option } from "../basics/dom.js";
import { whole } from "../basics/wording.js";
import { tab } from "../tab/tab.js";
import { costWords, fromWords } from "./words.js";

const USUAL = "decoder_transformer"; // the model that is swept unless another is chosen
const SOON_MS = 300; // after the last key
const AGAIN_MS = 2500; // while times are not known
const PATIENCE_MS = 60000; // a text may have to be counted first

export class SweepForm {
  /** models: of playground/runs/sweep_form.py; begun(key): called when a sweep has begun. */
  constructor(models, server, begun) {
    Object.assign(this, { models, server, begun });
    this.asked = 0;
    this.node = make("form", "sweep-form");
    this.costs = make("p", "figure-words sweep-costs");
    this.costs.setAttribute("role", "status");
    this.from = make("p", "figure-words sweep-from");
    this.build();
    this.changed = debounce(() => this.reckon(), SOON_MS);
    this.node.addEventListener("input", () => this.hear());
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    onText(() => this.changed(), this.node);
    onTokens(() => this.changed(), this.node);
    onShown(this.node, () => this.changed()); // the settings of the model's tab may be others now
    this.fill();
  }

  build() {
    this.model = this.menu("Model", this.models.map(({ name, title }) => option(title, name)));
    this.model.value = (this.models.find(({ name }) => name === USUAL) ?? this.models[0]).name;
    const kinds = [option("sizes", "scale"), option("a setting", "vary")];
    this.kind = this.menu("Vary", kinds);
    this.count = this.field("Sizes", "5", "number");
    this.largest = this.field("to parameters", "400000", "number");
    this.first = this.pair("Setting");
    this.second = this.pair("And another");
    this.steps = this.field("Steps of each", "300", "number");
    this.go = button("▶ Start", "pill-button sweep-go", "train these runs, one after the other", () => {});
    this.go.type = "submit";
    const rows = [[this.model, this.kind], [this.count, this.largest], this.first, this.second, [this.steps]];
    const lines = rows.map((row) => {
      const line = make("div", "sweep-row");
      line.append(...row.map((one) => one.parentElement));
      return line;
    });
    lines.at(-1).append(this.go);
    this.node.append(...lines, this.from, this.costs);
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
    return this.labelled(title, node, make("span", "sweep-bounds"));
  }

  pair(title) {
    const values = this.field("values", "");
    values.parentElement.firstChild.remove(); // the setting stands before it
    return [this.menu(title, []), values];
  }

  labelled(title, node, ...more) {
    const label = make("label", "sweep-label", `${title} `);
    node.setAttribute("aria-label", title); // without the choices of a menu
    label.append(node, ...more);
    return node;
  }

  /** Tells the values that a field takes, beside it. */
  bounds(node, words, title = "") {
    node.nextElementSibling.textContent = words;
    node.title = title;
    node.setAttribute("aria-description", [words, title].filter(Boolean).join(". "));
  }

  get chosen() {
    return this.models.find(({ name }) => name === this.model.value);
  }

  /** The settings of the model that is chosen, and the fields that are needed. */
  fill() {
    const { settings, sizes, steps } = this.chosen;
    for (const [node, [least, most]] of [[this.count, sizes], [this.steps, steps]]) {
      Object.assign(node, { min: least, max: most });
      this.bounds(node, `${whole(least)} to ${whole(most)}`);
    }
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
    this.count.closest(".sweep-row").hidden = !scale;
    this.first[0].closest(".sweep-row").hidden = scale;
    this.second[0].closest(".sweep-row").hidden = scale;
    this.second[1].parentElement.hidden = !this.second[0].value;
    for (const [menu, values] of [this.first, this.second]) {
      const [, , help, possible, example] = this.chosen.settings.find(([name]) => name === menu.value) ?? [];
      const of = `${this.model.value} ${menu.value}`;
      if (of !== values.dataset.of) values.value = example ?? ""; // another setting: values around its usual one
      values.dataset.of = of;
      this.bounds(values, possible ?? "", help);
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
      text: tab(this.model.value).chosen?.text ?? chosenText(), // of a model that rewrites, its pairs
      vary: vary.filter(([name]) => name),
      count: Number(this.count.value),
      largest: Number(this.largest.value),
      steps: Number(this.steps.value),
      settings: tab(this.model.value).chosen?.values ?? null,
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
    this.from.textContent = fromWords(this.chosen.title, answer);
    this.costs.textContent = answer ? costWords(answer) : NO_ANSWER;
    this.costs.classList.toggle("impossible", Boolean(!answer || answer.error));
    this.go.disabled = !answer || Boolean(answer.error);
    const open = answer && !answer.error && answer.known < answer.runs;
    if (open) setTimeout(() => mine === this.asked && this.reckon(), AGAIN_MS);
  }

  async start() {
    if (this.starting || this.go.disabled) return;
    this.starting = true; // the button keeps the focus
    const answer = await ask(this.server, "sweep", [this.question], PATIENCE_MS);
    this.starting = false;
    if (answer?.sweep) return this.begun(answer.sweep);
    this.costs.textContent = answer?.error ?? NO_ANSWER;
    this.costs.classList.add("impossible");
  }
}
