// Further runs on the loss chart of a model's tab: the run before the one shown, and any that one lays over it.
import { ask } from "../basics/calls.js";
import { isVisible, make } from "../basics/dom.js";
import { feedOf } from "../tab/feed.js";
import { join, moved, openable, tokensIn } from "../page/link.js";
import { OverlayKey } from "./overlay_key.js";
import { extension } from "./traces.js";
import { ownRuns } from "../page/own_runs.js";
import { pollerOf } from "../tab/polling.js";
import { RunsList } from "../runs/list.js";
import { Together } from "../runs/polling.js";
import { Ticks } from "../runs/ticks.js";

const LIST_MS = 3000; // between two looks at the list, while it is open
const NEWS_MS = 1500; // from news of a run on the chart to the sentences on it
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
    this.key = new OverlayKey(this.ticks, chart.props.feed);
    this.said = []; // what the server says of the runs laid over
    this.build();
    this.ticks.onChange(() => this.follow(), this.node);
    this.ticks.onLight((run) => this.light(run), this.node);
    const told = () => ({ overlay: openable(this.ticks.runs) });
    join(chart.props.feed, ["overlay"], told, ({ overlay }) => requestAnimationFrame(() => this.lay(tokensIn(overlay))));
  }

  build() {
    this.node = make("details", "overlay-menu");
    const open = make("summary", "pill-button", "+");
    open.append(make("span", "overlay-word", " overlay"), make("span", "overlay-more", " a run"));
    open.setAttribute("aria-label", "+ overlay a run");
    open.title = "Draw other runs of the same text on this chart, too";
    this.list = new RunsList(this);
    this.notice = make("p", "runs-notice");
    this.notice.setAttribute("role", "status");
    const panel = make("div", "overlay-panel");
    panel.append(this.list.node, this.notice);
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
  }

  /** Fades all lines but those of the run that is lit up. */
  light(run) {
    const { plot } = this.chart;
    for (const { uid, meta } of plot.data ?? []) {
      const line = uid && plot.querySelector(`.scatterlayer .trace${uid}`);
      if (line) line.style.opacity = run && meta.run !== run ? 0.18 : "";
    }
  }

  /** The runs to draw, the one before first: {record, role, place}. */
  runs() {
    const { previous } = this.chart.tab;
    const before = previous ? [{ record: previous, role: "previous" }] : [];
    const laid = this.ticks.runs.map((run) => ({ record: feedOf(run).record, role: "overlay", place: this.ticks.places.get(run) }));
    return [...before, ...laid];
  }

  // The list

  /** Asks for the list, and for the verdicts on the runs that are laid over; an answer to an earlier question is late. */
  async look() {
    const shown = this.chart.tab.record.run;
    const mine = (this.asked = (this.asked ?? 0) + 1);
    const answer = await ask(this.server, "table", [{ own: ownRuns(), ticked: [shown, ...this.ticks.runs].filter(Boolean) }]);
    if (mine !== this.asked) return;
    if (answer) this.take(answer);
    if (this.node.open && isVisible(this.node)) setTimeout(() => this.node.open && this.look(), LIST_MS);
  }

  /** Shows the runs of the text of the run shown, which itself is on the chart already. */
  take({ runs, first, said }) {
    const shown = this.ticks.has(first) ? undefined : runs.find(({ run }) => run === first);
    const others = runs.filter((run) => run !== shown && (!shown || run.text_id === shown.text_id));
    this.rows = new Map(others.map((run) => [run.run, { ...run, changeable: false }]));
    this.said = shown ? said : [];
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
    this.notice.textContent = sentence;
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
    this.lookSoon();
    moved();
  }

  hear(run, change) {
    const { record } = feedOf(run);
    this.judged(change);
    if (change.reset || !this.chart.plot.data) return this.chart.drawSoon();
    if (record.train.step.length === change.from && !change.events.length) return;
    if (!this.news.has(run)) this.news.set(run, { from: change.from, events: [] });
    this.news.get(run).events.push(...change.events);
    this.waiting ||= setTimeout(() => {
      this.waiting = 0;
      this.append();
    }, APPEND_MS);
  }

  /** Hears of news of one of the runs on the chart: what is said of them may have changed. */
  judged({ reset, events }) {
    if (reset || events.some(({ type }) => type === "evaluation")) this.lookSoon();
  }

  lookSoon() {
    this.due ||= setTimeout(() => {
      this.due = 0;
      if (this.ticks.runs.length && isVisible(this.chart.frame)) this.look();
    }, NEWS_MS);
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
    this.key.previous.hidden = !this.chart.tab.previous;
    this.light(this.ticks.lit);
  }

  /** The names of the runs that are laid over, and what each difference bought. */
  showKey() {
    this.key.show(this.ticks.runs.map((run) => this.rows.get(run)).filter(Boolean), this.said);
  }
}
