// The names of the runs at the ends of their lines, on the right of the chart. They never overlap.
import { button, make } from "../basics/dom.js";
import { large, presenting } from "../page/presenting.js";
import { arranged, lastShown } from "./curves.js";

const [GAP, GAP_LARGE] = [17, 28]; // pixels from one label to the next, also in presenter's mode

export class RunLabels {
  /** chart: the RunsChart, beside whose plot they stand. */
  constructor(chart) {
    this.chart = chart;
    this.nodes = new Map(); // run -> its label
    this.node = make("div", "runs-labels");
    chart.ticks.lights(this.node, (node) => node.closest?.("[data-run]")?.dataset.run ?? null);
  }

  labelFor(run) {
    if (!this.nodes.has(run)) {
      const node = button("", "runs-label", "", () => this.chart.tab.reveal(run));
      node.dataset.run = run;
      node.append(make("span", "runs-label-name"), make("b"));
      this.nodes.set(run, node);
      this.node.append(node);
    }
    return this.nodes.get(run);
  }

  /** Puts each label beside the last point that its line shows. */
  place() {
    const { curves, plot, tab, ticks } = this.chart;
    const { margin, xaxis, yaxis } = plot.layout;
    const gap = presenting() ? large(GAP_LARGE) : GAP;
    const height = plot.clientHeight - margin.t - margin.b;
    const heightOf = (loss) => {
      const value = yaxis.type === "log" ? Math.log10(loss) : loss;
      return (height * (yaxis.range[1] - value)) / (yaxis.range[1] - yaxis.range[0]);
    };
    const within = xaxis.range.map((x) => (xaxis.type === "log" ? 10 ** x : x));
    const ends = [...curves.values()].map(({ run, validation, training }) => {
      const end = lastShown(validation, within) ?? lastShown(training, within);
      return { run, loss: end?.[1], at: end ? heightOf(end[1]) : NaN };
    });
    const shown = ends.filter(({ at }) => Number.isFinite(at) && at >= -gap && at <= height + gap);
    const heights = arranged(shown.map(({ at }) => at), gap, height);
    this.node.style.width = `${margin.r - 4}px`;
    for (const [run, node] of this.nodes) {
      if (!shown.some((one) => one.run === run)) node.remove();
      if (!curves.has(run) || !node.isConnected) this.nodes.delete(run);
    }
    shown.forEach(({ run, loss }, index) => {
      const node = this.labelFor(run);
      const name = tab.labelOf(run);
      node.firstChild.textContent = name;
      node.lastChild.textContent = loss.toFixed(3);
      node.title = name;
      node.style.transform = `translateY(${Math.round(margin.t + heights[index] - gap / 2)}px)`;
      node.style.setProperty("--run", `var(--chart-run-${ticks.places.get(run)})`);
    });
  }

  light(run) {
    for (const [one, node] of this.nodes) node.classList.toggle("lit", one === run);
    this.node.classList.toggle("dimmed", run !== null);
  }
}
