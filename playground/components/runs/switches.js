// The switches above the chart of runs: its x axis, logarithmic axes, the training curves, and the way out of a zoom.
import { linkAxes } from "../loss/axis_switches.js";
import { button, make, press } from "../basics/dom.js";
import { join, moved } from "../page/link.js";
import { AXES } from "./curves.js";

export class RunsSwitches {
  /** chart: has `axis`, `logX`, `logY`, `training` and `zoom`, and draws itself anew with `drawSoon()`. */
  constructor(chart) {
    this.chart = chart;
    linkAxes("runs", chart, AXES);
    const told = () => ({ curves: chart.training ? null : "validation" });
    join("runs", ["curves"], told, ({ curves }) => {
      chart.training = curves !== "validation";
    });
    const axes = make("span", "pills joined");
    this.axes = AXES.map((axis) => button(axis, "pill-button", `x axis: ${axis}`, () => this.choose("axis", axis)));
    axes.append(...this.axes);
    const others = make("span", "pills");
    this.whole = button("whole", "pill-button", "Show the whole of all runs again (double click)", () => chart.unzoom());
    this.pills = [
      ["log x", "logX", "logarithmic x axis"],
      ["log y", "logY", "logarithmic y axis"],
      ["training", "training", "also the smoothed training loss, thin"],
    ].map(([label, name, title]) => {
      const pill = button(label, "pill-button", title, () => this.choose(name, !chart[name]));
      pill.dataset.name = name;
      return pill;
    });
    others.append(this.whole, ...this.pills);
    this.node = make("span", "figure-tools");
    this.node.append(others, axes);
  }

  choose(name, value) {
    this.chart[name] = value;
    if (name !== "training") this.chart.zoom.clear(); // what was zoomed into is elsewhere now
    this.chart.drawSoon();
    moved();
  }

  /** Shows which are on. */
  show() {
    this.axes.forEach((pill, index) => press(pill, AXES[index] === this.chart.axis));
    for (const pill of this.pills) press(pill, this.chart[pill.dataset.name]);
    this.whole.hidden = !this.chart.zoom.on;
  }
}
