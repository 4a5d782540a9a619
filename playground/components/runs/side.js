// The card below the list: the texts of the ticked runs side by side, or their settings.
import { button, make, press } from "../basics/dom.js";
import { join, moved } from "../page/link.js";
import { RunsSettings } from "./settings.js";
import { RunsTexts } from "./texts.js";

const VIEWS = [
  ["same", "The same prompt, all ticked runs", "one prompt"],
  ["two", "Two prompts, one run", "two prompts"],
  ["settings", "The settings of the ticked runs", "settings"],
];

export class RunsSide {
  constructor(tab, sampling) {
    this.tab = tab;
    this.view = "same";
    this.texts = new RunsTexts(tab, sampling);
    this.settings = new RunsSettings(tab);
    this.node = make("div", "card runs-side");
    this.title = make("h2", "figure-title");
    const pills = make("span", "pills joined");
    this.pills = VIEWS.map(([view, title, label]) => {
      const pill = button(label, "pill-button", title, () => this.open(view));
      pill.dataset.view = view;
      return pill;
    });
    pills.append(...this.pills);
    const tools = make("span", "figure-tools");
    tools.append(this.settings.all, pills);
    const head = make("div", "figure-head");
    head.append(this.title, this.texts.fields, tools);
    this.node.append(head, this.texts.node, this.settings.node);
    tab.ticks.onChange(() => this.refresh(), this.node);
    this.open("same");
    const told = () => ({ view: this.view === "same" ? null : this.view, rows: this.settings.whole ? "all" : null });
    join("runs", ["view", "rows"], told, ({ view, rows }) => {
      this.settings.show(rows === "all");
      if (VIEWS.some(([one]) => one === view)) this.open(view);
    });
  }

  open(view) {
    this.view = view;
    this.title.textContent = VIEWS.find(([one]) => one === view)[1];
    for (const pill of this.pills) press(pill, pill.dataset.view === view);
    const settings = view === "settings";
    this.settings.node.hidden = this.settings.all.hidden = !settings;
    this.texts.node.hidden = this.texts.fields.hidden = settings;
    this.texts.two = view === "two";
    this.refresh();
    moved();
  }

  /** Shows the runs that are ticked now. */
  refresh() {
    if (this.view === "settings") this.settings.look();
    else this.texts.show();
  }
}
