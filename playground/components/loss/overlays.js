// Further runs on the loss chart of a model's tab: the run before the one shown, and any that one lays over it.
import { ask } from "../basics/calls.js";
import { isVisible, make } from "../basics/dom.js";
import { feedOf } from "../tab/feed.js";
import { join, moved, openable, tokensIn } from "../page/link.js";
import { extension } from "./traces.js";
import { ownRuns } from "../page/own_runs.js";
import { pollerOf } from "../tab/polling.js";
import { RunsList } from "../runs/list.js";
import { Together } from "../runs/polling.js";
import { Ticks } from "../runs/ticks.js";
import { labelAmong } from "../runs/words.js";

const LIST_MS = 3000; // between two looks at the list, while it is open
const APPEND_MS = 500; // between two drawings of new points of live runs

export class Overlays {
  /** chart: the LossChart; server: its functions are `table` and `poll` (playground/runs/comparison.py). */
  constructor(chart, server) {
    Object.assign(this, { chart, server });
    this.ticks = new Ticks(false, 2); // the first two colours are those of the run shown
    this.rows = new Map(); // run -> what the list tells of it
    this.followed = new Map(); // run -> the function that ends its subscription
    this.news = new Map(); // run -> {from, events} that are not drawn yet
    this.together = new Together(server);
    this.build();
    this.ticks.onChange(() => this.follow(), this.node);
    const told = () => ({ overlay: openable(this.ticks.runs) });
    join(chart.props.feed, ["overlay"], told, ({ overlay }) => requestAnimationFrame(() => this.lay(tokensIn(overlay))));
  }

  build() {
    this.node = make("details", "overlay-menu");
    const open = make("summary", "pill-button", "+ overlay a run");
    open.title = "Draw other runs of the same text on this chart, too";
    this.list = new RunsList(this);
    this.said = make("p", "runs-notice");
    this.said.setAttribute("role", "status");
    const panel = make("div", "overlay-panel");
    panel.append(this.list.node, this.said);
    this.node.append(open, panel);
    this.node.addEventListener("toggle", () => this.node.open && this.look());
    this.node.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      this.node.open = false;
      open.focus();
    });
    document.addEventListener("click", ({ target }) => {
      if (target.isConnected && !this.node.contains(target)) this.node.open = false;
    });
    this.key = make("span", "key");
    this.previousKey = make("span", "key-item key-previous", "previous run");
    for (const role of ["train", "validation"]) this.key.append(make("span", `key-item key-${role}`, role));
    this.key.append(this.previousKey);
  }

  /** The runs to draw, the one before first: {record, role, place}. */
  runs() {
    const { previous } = this.chart.tab;
    const before = previous ? [{ record: previous, role: "previous" }] : [];
    const laid = this.ticks.runs.map((run) => ({ record: feedOf(run).record, role: "overlay", place: this.ticks.places.get(run) }));
    return [...before, ...laid];
  }

  // The list

  async look() {
    const shown = this.chart.tab.record.run;
    const answer = await ask(this.server, "table", [{ own: ownRuns(), ticked: shown ? [shown] : [] }]);
    if (answer) this.take(answer);
    if (this.node.open && isVisible(this.node)) setTimeout(() => this.node.open && this.look(), LIST_MS);
  }

  /** Shows the runs of the text of the run shown, which itself is on the chart already. */
  take({ runs, first }) {
    const shown = runs.find(({ run }) => run === first);
    const others = runs.filter((run) => run !== shown && (!shown || run.text_id === shown.text_id));
    this.rows = new Map(others.map((run) => [run.run, { ...run, changeable: false }]));
    this.list.show([...this.rows.values()]);
    for (const run of this.ticks.runs) if (!this.rows.has(run)) this.ticks.set(run, false);
    this.showKey();
  }

  /** Lays the runs of a link over the chart; those that are not here are left out. */
  lay(runs) {
    this.ticks.replace(runs);
    this.look();
  }

  say(sentence) {
    this.said.textContent = sentence;
  }

  remove() {
    this.say("Runs are deleted on the Runs tab.");
  }

  rename() {}

  // The curves

  /** Follows the runs that are ticked, and no others. */
  follow() {
    for (const [run, leave] of this.followed) {
      if (this.ticks.has(run)) continue;
      leave();
      this.followed.delete(run);
    }
    for (const run of this.ticks.runs) {
      if (this.followed.has(run)) continue;
      this.followed.set(run, () => {});
      this.followed.set(run, feedOf(run).subscribe((_, change) => this.hear(run, change), this.chart.frame));
      pollerOf(feedOf(run), this.together);
    }
    this.showKey();
    this.chart.drawSoon();
    moved();
  }

  hear(run, change) {
    const { record } = feedOf(run);
    if (change.reset || !this.chart.plot.data) return this.chart.drawSoon();
    if (record.train.step.length === change.from && !change.events.length) return;
    if (!this.news.has(run)) this.news.set(run, { from: change.from, events: [] });
    this.news.get(run).events.push(...change.events);
    this.waiting ||= setTimeout(() => {
      this.waiting = 0;
      this.append();
    }, APPEND_MS);
  }

  /** Appends what is new in all runs, with one call of plotly. */
  append() {
    const { plot } = this.chart;
    const grown = { x: [], y: [], indices: [] };
    for (const [run, { from, events }] of this.news) {
      const part = extension(this.chart, feedOf(run).record, from, events, plot.data, "overlay");
      for (const name of Object.keys(grown)) grown[name].push(...part[name]);
    }
    this.news.clear();
    if (!isVisible(plot)) this.chart.dirty = true;
    else if (grown.indices.length) Plotly.extendTraces(plot, { x: grown.x, y: grown.y }, grown.indices);
  }

  /** What was just drawn whole has no news. */
  drawn() {
    this.news.clear();
    this.previousKey.hidden = !this.chart.tab.previous;
  }

  /** The names of the runs, each with its colour; a click takes the run off the chart. */
  showKey() {
    for (const node of this.key.querySelectorAll(".key-overlay")) node.remove();
    const all = this.ticks.runs.map((run) => this.rows.get(run)).filter(Boolean);
    const here = { model: this.chart.props.feed }; // a run of another model is named by its model
    for (const run of all) {
      const name = labelAmong(run, [...all, here]);
      const node = make("button", "key-item key-overlay", name);
      Object.assign(node, { type: "button", title: `Take ${name} off the chart` });
      node.style.setProperty("--run", `var(--chart-run-${this.ticks.places.get(run.run)})`);
      node.addEventListener("click", () => this.ticks.set(run.run, false));
      this.key.append(node);
    }
  }
}
