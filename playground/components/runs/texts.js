// The same prompt through all ticked runs, or two prompts through one: the texts stand side by side as they grow.
import { make, option } from "../basics/dom.js";
import { join, moved, openable, unlessLong } from "../page/link.js";

const page = Math.random().toString(36).slice(2); // this page, among all that write
const HINT = "Press Sample all: each run continues the prompt, with the same seed and settings.";

export class RunsTexts {
  /** sampling: [{name, title, value, least, most, step}] of the sampling settings. */
  constructor(tab, sampling) {
    this.tab = tab;
    this.two = false; // two prompts on one run
    this.runAsked = null; // that run as the link has it, until it is ticked
    this.number = 0; // of the last request
    this.written = []; // the panes of its last answer
    this.panes = new Map(); // run and prompt -> the nodes of a pane
    this.build(sampling);
    this.joinLink(sampling);
    tab.ticks.onLight((run) => this.light(run), this.node);
  }

  build(sampling) {
    this.fields = make("form", "runs-prompts");
    this.prompts = ["ROMEO:", "JULIET:"].map((text, index) => {
      const input = make("input", "runs-prompt");
      input.value = text;
      input.setAttribute("aria-label", index ? "Second prompt" : "Prompt");
      return input;
    });
    this.run = make("select", "runs-menu");
    this.run.setAttribute("aria-label", "The run that continues both prompts");
    this.run.addEventListener("change", () => this.show());
    this.go = make("button", "runs-go", "Sample all");
    this.go.type = "submit";
    this.settings = sampling.map(({ name, title, value, least, most, step }) => {
      const label = make("label", "runs-setting", title);
      const input = make("input");
      Object.assign(input, { type: "number", value, min: least, max: most, step: step || 1, name });
      label.append(input);
      return { name, input, label };
    });
    this.problem = make("span", "runs-notice");
    this.problem.setAttribute("role", "alert");
    const more = make("details", "runs-sampling");
    const box = make("div", "runs-sampling-box");
    box.append(...this.settings.map(({ label }) => label));
    more.append(make("summary", "pill-button", "sampling ▾"), box);
    more.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      more.open = false;
      more.firstChild.focus();
    });
    this.fields.noValidate = true; // the server has the sentences
    this.fields.append(...this.prompts, this.run, this.go, more, this.problem);
    this.fields.addEventListener("submit", (event) => {
      event.preventDefault();
      document.getElementById("runs-write")?.click();
    });
    this.node = make("div", "runs-texts");
    this.tab.ticks.lights(this.node, (node) => node.closest?.("[data-run]")?.dataset.run ?? null);
  }

  /** Puts the prompts and the sampling settings into the address of the page. */
  joinLink(sampling) {
    const [first, second] = this.prompts;
    const fields = [["prompt", first], ["prompt_2", second], ...this.settings.map(({ name, input }) => [`sample_${name}`, input])];
    const usual = ["ROMEO:", "JULIET:", ...sampling.map(({ value }) => String(value))];
    const told = () => {
      const run = this.runAsked ?? this.run.value;
      return {
        ...Object.fromEntries(fields.map(([name, { value }], index) => [name, unlessLong(value, usual[index])])),
        prompt_run: this.two && run !== this.tab.ticks.first ? openable([run]) : null,
      };
    };
    join("runs", [...fields.map(([name]) => name), "prompt_run"], told, (given) => {
      for (const [name, input] of fields) if (name in given) input.value = given[name];
      this.runAsked = given.prompt_run ?? null;
    });
    this.fields.addEventListener("input", moved);
  }

  /** [run, prompt] of each pane. */
  pairs() {
    const [first, second] = this.prompts.map((input) => input.value);
    if (!this.two) return this.tab.ticks.runs.map((run) => [run, first]);
    return this.run.value ? [[this.run.value, first], [this.run.value, second]] : [];
  }

  /** The next request, as the server takes it. */
  asked() {
    this.number += 1;
    this.written = [];
    this.problem.textContent = "";
    const sampling = Object.fromEntries(this.settings.map(({ name, input }) => [name, input.value === "" ? null : Number(input.value)]));
    const panes = this.pairs();
    this.sent = panes;
    this.show();
    return { panes, sampling, pane: page, number: this.number };
  }

  /** Takes an answer; one to an earlier request is late. */
  take(answer) {
    if (!answer || answer.asked !== this.number) return;
    this.written = answer.panes;
    this.problem.textContent = answer.problem;
    this.show();
  }

  /** Shows a pane for each run, with its text if there is one. */
  show() {
    this.prompts[1].hidden = this.run.hidden = !this.two;
    this.go.textContent = this.two ? "Sample both" : "Sample all";
    this.fillRuns();
    const wanted = this.pairs().map(([run], index) => {
      const place = (this.sent ?? []).findIndex(([one], at) => one === run && (!this.two || at === index));
      return { key: `${run} ${this.two ? index : ""}`, run, text: this.written[place] };
    });
    for (const [key, pane] of this.panes) {
      if (wanted.some((one) => one.key === key)) continue;
      pane.node.remove();
      this.panes.delete(key);
    }
    for (const one of wanted) this.showPane(one);
    this.hint ??= make("p", "figure-unit", HINT);
    if (!wanted.length) this.hint.textContent = "Tick a run that is to write.";
    else this.hint.textContent = HINT;
    if (this.written.length && wanted.length) this.hint.remove();
    else this.node.prepend(this.hint);
    this.light(this.tab.ticks.lit);
  }

  showPane({ key, run, text }) {
    const pane = this.panes.get(key) ?? this.newPane(key, run);
    pane.name.textContent = this.tab.labelOf(run);
    pane.node.style.setProperty("--run", `var(--chart-run-${this.tab.ticks.places.get(run) ?? 0})`);
    const parts = [text?.prompt ?? "", text?.text ?? "", text?.note ?? ""];
    [pane.prompt, pane.text, pane.note].forEach((node, index) => {
      if (node.textContent !== parts[index]) node.textContent = parts[index];
    });
    pane.body.classList.toggle("writes", Boolean(text) && !text.done);
  }

  newPane(key, run) {
    const node = make("section", "runs-pane");
    node.dataset.run = run;
    const pane = {
      node,
      name: make("h3", "figure-unit"),
      body: make("div", "runs-written"),
      prompt: make("span", "prompt-text"),
      text: make("span"),
      note: make("p", "figure-note"),
    };
    pane.body.append(pane.prompt, pane.text);
    pane.body.tabIndex = 0; // it scrolls
    pane.body.setAttribute("role", "group");
    node.append(pane.name, pane.body, pane.note);
    this.panes.set(key, pane);
    this.node.append(node);
    return pane;
  }

  /** The menu of runs of two prompts holds those that are ticked. */
  fillRuns() {
    const runs = this.tab.ticks.runs.filter(this.tab.runOf);
    const labels = runs.map((run) => this.tab.labelOf(run));
    if (labels.join("\n") === this.filled) return;
    this.filled = labels.join("\n");
    const chosen = this.runAsked ?? this.run.value;
    this.run.replaceChildren(...runs.map((run, index) => option(labels[index], run)));
    if (!runs.includes(chosen)) return;
    this.run.value = chosen;
    this.runAsked = null;
  }

  light(run) {
    for (const { node } of this.panes.values()) node.classList.toggle("lit", node.dataset.run === run);
  }
}

