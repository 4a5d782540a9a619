// The chart of the ticked runs: new points are appended, many at once; it is drawn anew when other runs are ticked.
import { PLOT_CONFIG, onTheme } from "../page/appearance.js";
import { isVisible, make, onShown } from "../basics/dom.js";
import { Zoom, shownIn } from "../loss/zoom.js";
import { figureFiles } from "../basics/figure_files.js";
import { onPresenting } from "../page/presenting.js";
import { allAsCsv } from "../loss/points.js";
import { rangesOf } from "./curves.js";
import { curveOf, grow, isSeen } from "./growing.js";
import { RunLabels } from "./labels.js";
import { settingsOf } from "./settings.js";
import { RunsSwitches } from "./switches.js";
import { layoutOf, summaryOf, tracesOf } from "./traces.js";
import { RunsVerdicts } from "./verdicts.js";
import { unitOf } from "./words.js";

const APPEND_MS = 250; // between two drawings of new points, however many runs have some

export class RunsChart {
  /** tab: the RunsTab, with `ticks`, `runOf(token)` and `feedOf(token)`. */
  constructor(tab) {
    this.tab = tab;
    this.ticks = tab.ticks;
    this.axis = "step";
    this.logX = this.logY = false;
    this.training = true;
    this.curves = new Map(); // run -> {training, validation, stride, points, events}: what is drawn
    this.followed = new Map(); // run -> the function that ends its subscription
    this.build();
    this.ticks.onChange(() => this.follow(), this.node);
    this.ticks.onLight((run) => this.light(run), this.node);
    onTheme(this.node, () => this.drawSoon());
    onPresenting(() => this.drawSoon(), this.node);
    onShown(this.plot, () => this.drawSoon());
  }

  build() {
    this.node = make("div", "card runs-chart");
    this.switches = new RunsSwitches(this);
    this.zoom = new Zoom("runs", this);
    this.zoom.takeAsked();
    const head = make("div", "figure-head");
    this.unit = make("span", "figure-unit");
    const named = ({ meta }) => (meta.curve === "validation" ? this.tab.labelOf(meta.run) : "");
    const csv = () => this.tab.side.settings.ofRuns().then((answer) => allAsCsv(this.withSettings(answer)));
    this.switches.node.append(figureFiles({ plot: () => this.plot, name: () => "runs", named, csv }));
    head.append(make("h2", "figure-title", "Loss"), this.unit, this.switches.node);
    this.plot = make("div", "plot");
    this.plot.setAttribute("role", "img");
    this.labels = new RunLabels(this);
    this.verdicts = new RunsVerdicts(this.ticks);
    const stage = make("div", "plot-stage");
    stage.append(this.plot, this.labels.node);
    this.node.append(head, stage, this.verdicts.node);
  }

  /** Draws anew if the list tells other names or sizes than those that are drawn. */
  refresh() {
    this.unit.textContent = unitOf(this.ticks.runs.map(this.tab.runOf).filter(Boolean));
    const told = this.ticks.runs.map((run) => this.tab.labelOf(run)).join("\n");
    if (told === this.told) return;
    this.told = told;
    this.drawSoon();
  }

  unzoom() {
    this.zoom.clear();
    this.drawSoon();
  }

  // The runs

  /** Follows the runs that are ticked, and no others. */
  follow() {
    for (const [run, leave] of this.followed) {
      if (this.ticks.has(run)) continue;
      leave();
      this.followed.delete(run);
      this.curves.delete(run);
    }
    for (const run of this.ticks.runs) {
      if (this.followed.has(run)) continue;
      this.followed.set(run, () => {});
      const leave = this.tab.feedOf(run).subscribe((_, change) => this.hear(run, change), this.node);
      this.followed.set(run, leave);
      this.tab.follow(run);
    }
    this.drawSoon();
  }

  hear(run, { reset, from, events }) {
    const { record } = this.tab.feedOf(run);
    if (reset) this.drawSoon();
    else if (record.train.step.length > from || events.length) this.appendSoon();
  }

  /** What a CSV file tells of the ticked runs; answer: {runs, rows} of their settings, or null. */
  withSettings(answer) {
    const settings = (run) => (answer ? settingsOf(answer, run) : []);
    const runs = this.ticks.runs.filter(this.tab.runOf);
    return runs.map((run) => ({ name: this.tab.labelOf(run), record: this.recordOf(run), settings: settings(run) }));
  }

  recordOf = (run) => this.tab.feedOf(run).record;

  // Drawing

  drawSoon() {
    this.planned ||= requestAnimationFrame(() => {
      this.planned = 0;
      this.draw();
    });
  }

  appendSoon() {
    this.waiting ||= setTimeout(() => {
      this.waiting = 0;
      this.append();
    }, APPEND_MS);
  }

  draw() {
    this.switches.show();
    if (!isVisible(this.plot) || !this.plot.clientWidth || !window.Plotly) return;
    const known = this.ticks.runs.filter((run) => this.tab.runOf(run));
    this.curves = new Map(known.map((run) => [run, curveOf(this, run, this.recordOf(run), this.tab.runOf(run))]));
    const curves = [...this.curves.values()];
    const layout = layoutOf(this, this.zoom.ranges ?? rangesOf(this, curves));
    const traces = tracesOf(curves, (run) => this.ticks.places.get(run));
    Plotly.react(this.plot, traces, layout, PLOT_CONFIG).then(() => {
      this.listen();
      this.drawn();
    });
  }

  /** The new points of all runs, with one call of plotly. */
  append() {
    if (!isVisible(this.plot) || !this.plot.data) return;
    const all = [...this.curves.values()].map((curve) => [curve, this.recordOf(curve.run), this.tab.runOf(curve.run)]);
    const there = all.filter(([, , size]) => size);
    if (!there.some(([curve, record, size]) => isSeen(this, curve, record, size, this.plot))) return;
    const grown = { x: [], y: [], indices: [] };
    for (const [curve, record, size] of there) {
      const news = grow(this, curve, record, size);
      if (!news) return this.drawSoon();
      for (const [name, { x, y }] of Object.entries(news)) {
        if (!x.length) continue;
        grown.x.push(x);
        grown.y.push(y);
        grown.indices.push(this.plot.data.findIndex(({ meta }) => meta.run === curve.run && meta.curve === name));
      }
    }
    if (!grown.indices.length) return;
    if (this.outgrown()) return this.drawSoon();
    Plotly.extendTraces(this.plot, { x: grown.x, y: grown.y }, grown.indices).then(() => this.drawn());
  }

  /** Whether the curves have left the axes, which then become larger. */
  outgrown() {
    if (this.zoom.on) return false;
    const [now, wanted] = [shownIn(this.plot), rangesOf(this, [...this.curves.values()])];
    return wanted.x[1] > now.x[1] * (1 + 1e-9) || wanted.y[0] < now.y[0] - (now.y[1] - now.y[0]) * 0.02;
  }

  drawn() {
    this.labels.place();
    this.light(this.ticks.lit);
    this.plot.setAttribute("aria-label", summaryOf([...this.curves.values()], this.tab.labelOf));
  }

  /** Fades the lines of all runs but the one that is lit up. */
  light(run) {
    const on = run && this.ticks.has(run);
    for (const { uid, meta } of this.plot.data ?? []) {
      const line = this.plot.querySelector(`.scatterlayer .trace${uid}`);
      if (line) line.style.opacity = on && meta.run !== run ? 0.18 : "";
    }
    this.labels.light(on ? run : null);
  }

  /** Hears of zooming and pointing, once plotly has made the plot. */
  listen() {
    if (this.listening) return;
    this.listening = true;
    this.plot.on("plotly_relayout", (event) => {
      if (!this.zoom.hear(event, this.plot)) return;
      this.switches.show();
      this.labels.place();
    });
    this.plot.on("plotly_doubleclick", () => this.unzoom());
    this.plot.on("plotly_hover", ({ points }) => this.ticks.light(points[0].data.meta.run));
    this.plot.on("plotly_unhover", () => this.ticks.light(null));
  }
}
