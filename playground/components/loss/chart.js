// The loss chart: drawn anew when its switches or its runs change, else extended with new points.
import { PLOT_CONFIG, onTheme } from "../page/appearance.js";
import { AxisSwitches } from "./axis_switches.js";
import { isVisible, make, onShown } from "../basics/dom.js";
import { figureFiles } from "../basics/figure_files.js";
import { exportOf } from "../exchange/export_menu.js";
import { gradientChart } from "./gradient_chart.js";
import { endOf, layoutOf, marked, ranges, risenFrom } from "./axes.js";
import { asCsv } from "./points.js";
import { extension, tracesOf } from "./traces.js";
import { chartWords, lossWords } from "./words.js";
import { MomentMarker } from "./moment.js";
import { Overlays } from "./overlays.js";
import { opens, whenRead } from "../page/link.js";
import { onPresenting } from "../page/presenting.js";
import { Zoom } from "./zoom.js";
import { tab } from "../tab/tab.js";

const VISIBLE_PX = 2; // a curve that has grown by less looks as before: training needs the processor

export class LossChart {
  constructor(element, props, watch, server) {
    this.props = props;
    this.tab = tab(props.feed);
    this.axis = "step";
    this.logX = this.logY = this.dirty = false;
    this.revision = this.planned = 0;
    this.held = null; // {from, events}: news that are not drawn yet
    this.end = [NaN, NaN]; // of the smoothed curve as it is drawn, in pixels
    this.overlays = new Overlays(this, server);
    this.build(element);
    watch("value", () => this.drawSoon());
    this.tab.subscribe((record, change) => this.hear(record, change), element);
    this.tab.onStep(() => this.showNumber(), element);
    onTheme(element, () => this.drawSoon());
    onPresenting(() => this.drawSoon(), element);
    onShown(this.plot, () => this.resized());
    whenRead(() => this.takeZoom());
  }

  build(element) {
    const head = make("div", "figure-head");
    const tools = make("span", "figure-tools");
    const files = figureFiles({
      plot: () => this.plot,
      name: () => `${this.props.feed}-loss`,
      named: ({ meta }) => (meta.role === "shown" && { smooth: "training", validation: "validation" }[meta.curve]) || "",
      csv: () => asCsv(this.tab.record, this.tab.told()),
    });
    this.switches = new AxisSwitches(this);
    this.zoom = new Zoom(this.props.feed, this);
    tools.append(this.overlays.node, ...this.switches.nodes, files, exportOf(this.tab));
    this.number = make("span", "loss-number");
    this.meaning = make("span", "figure-unit loss-meaning");
    head.append(this.number, this.meaning, tools);
    this.plot = make("div", "plot");
    this.plot.setAttribute("role", "img");
    this.words = make("p", "figure-words");
    this.frame = make("div", "live-figure");
    const stage = make("div", "plot-stage");
    this.marker = new MomentMarker(this);
    stage.append(this.plot, this.marker.node, gradientChart(this.tab, element));
    const foot = make("div", "figure-foot");
    foot.append(this.words, this.overlays.key.node);
    this.frame.append(head, stage, foot, this.overlays.key.verdicts.node);
    element.replaceChildren(this.frame);
  }

  /** The runs on the chart, the one in front last. */
  runs() {
    return [...this.overlays.runs(), { record: this.tab.record, role: "shown" }];
  }

  /** The records of the runs beside the one shown. */
  others() {
    return this.runs().filter(({ role }) => role !== "shown").map(({ record }) => record);
  }

  hear(record, change) {
    if (change.reset) this.keepHeight();
    this.words.textContent = record.summary || "";
    this.plot.setAttribute("aria-label", chartWords(record));
    this.showNumber();
    this.overlays.judged(change);
    if (change.reset) {
      this.drawAnew();
    } else if (this.held || record.train.step.length > change.from || change.events.length) {
      this.append(record, change);
    }
    this.takeZoom();
  }

  /** Zooms into what the link asked for, once the tab shows its run. */
  takeZoom() {
    if (!opens() && this.tab.record.events.length && this.zoom.takeAsked()) this.drawSoon();
  }

  /** The loss at the moment that the tab shows, large. */
  showNumber() {
    const { number, words } = lossWords(this.tab.record, this.tab.step);
    this.number.textContent = number;
    this.meaning.textContent = words;
  }

  /** The plot keeps its size while there are no words on a new run. */
  keepHeight() {
    this.words.style.minHeight = "";
    if (isVisible(this.words)) this.words.style.minHeight = `${this.words.offsetHeight}px`;
  }

  drawAnew() {
    this.zoom.clear();
    this.revision += 1;
    this.drawSoon();
  }

  /** Draws with the next frame: one drawing, however often it is asked for until then. */
  drawSoon() {
    this.planned ||= requestAnimationFrame(() => {
      this.planned = 0;
      this.draw();
    });
  }

  resized() {
    if (this.dirty) this.draw();
    else if (this.plot.data) {
      Plotly.Plots.resize(this.plot);
      this.marker.place();
    }
  }

  append(record, change) {
    this.held ??= { from: change.from, events: [] };
    this.held.events.push(...change.events);
    if (this.planned) return;
    if (!this.plot.data || !isVisible(this.plot)) {
      this.dirty = true;
      return;
    }
    const { from, events } = this.held;
    if (this.dirty || marked(events).length) return this.draw();
    const end = endOf(this, record, this.plot);
    const moved = Math.hypot(end[0] - this.end[0], end[1] - this.end[1]);
    const evaluated = events.some((event) => event.type === "evaluation");
    if (evaluated && risenFrom(record)) return this.draw();
    if (record.status === "running" && moved < VISIBLE_PX && !evaluated && !this.zoom.on) return;
    this.held = null;
    this.end = end;
    const { x, y, indices } = extension(this, record, from, events, this.plot.data);
    if (indices.length) Plotly.extendTraces(this.plot, { x, y }, indices);
    this.adaptRanges(record);
  }

  adaptRanges(record) {
    if (this.zoom.on) return;
    const { layout } = this.plot;
    const { x, y } = ranges(this, record, this.others(), this.props.value.layout.meta);
    const same = (a, b) => Math.abs(a[0] - b[0]) < 1e-9 && Math.abs(a[1] - b[1]) < 1e-9;
    if (same(x, layout.xaxis.range) && same(y, layout.yaxis.range)) return;
    Plotly.relayout(this.plot, { "xaxis.range": x, "yaxis.range": y }).then(() => this.marker.place());
  }

  /** Draws everything from the records; later points are appended. */
  draw() {
    this.switches.show();
    const figure = this.props.value;
    if (!figure) return;
    if (!isVisible(this.plot)) {
      this.dirty = true;
      return;
    }
    this.dirty = false;
    this.held = null;
    this.end = [NaN, NaN];
    const others = this.others();
    this.overlays.drawn();
    const { record } = this.tab;
    const layout = layoutOf(this, record, others, figure.layout, this.plot.clientWidth);
    layout.uirevision = `${this.revision}`;
    if (this.zoom.on) [layout.xaxis.range, layout.yaxis.range] = [this.zoom.ranges.x, this.zoom.ranges.y];
    const traces = tracesOf(this, this.runs(), figure);
    Plotly.react(this.plot, traces, layout, PLOT_CONFIG).then(() => {
      this.listen();
      this.marker.place();
    });
  }

  /** Hears of zooming, once plotly has made the plot. */
  listen() {
    if (this.listening) return;
    this.listening = true;
    this.plot.on("plotly_relayout", (event) => {
      if (this.zoom.hear(event, this.plot)) this.switches.show();
      this.marker.place();
    });
    this.plot.on("plotly_doubleclick", () => this.drawAnew());
  }
}
