// The switches of the loss chart: what its x axis counts, and whether an axis is logarithmic.
import { button, make, press } from "../basics/dom.js";
import { join, moved } from "../page/link.js";

/** Puts the axes of a chart into the address of the page; axes: its x axes, the usual one first. */
export function linkAxes(place, chart, axes) {
  const told = () => ({
    axis: chart.axis === axes[0] ? null : chart.axis,
    log: [chart.logX && "x", chart.logY && "y"].filter(Boolean).join(","),
  });
  join(place, ["axis", "log"], told, ({ axis, log = "" }) => {
    if (axes.includes(axis)) chart.axis = axis;
    chart.logX = log.split(",").includes("x");
    chart.logY = log.split(",").includes("y");
  });
}

const AXES = ["step", "tokens", "seconds"];

export class AxisSwitches {
  /** chart: has `axis`, `logX` and `logY`, which the switches set, `zoom`, and `drawAnew()`. */
  constructor(chart) {
    this.chart = chart;
    linkAxes(chart.props.feed, chart, AXES);
    this.axes = AXES.map((axis) =>
      button(axis, "pill-button", `x axis: ${axis}`, () => {
        chart.axis = axis;
        moved();
        chart.drawAnew();
      }),
    );
    this.axes.forEach((pill) => {
      pill.dataset.axis = pill.textContent;
    });
    this.logs = [
      ["log x", "logX", "logarithmic x axis"],
      ["log y", "logY", "logarithmic y axis"],
    ].map(([label, name, title]) => {
      const pill = button(label, "pill-button", title, () => {
        chart[name] = !chart[name];
        moved();
        chart.drawAnew();
      });
      pill.dataset.name = name;
      return pill;
    });
    this.whole = button("whole", "pill-button", "Show the whole chart again (double click)", () => chart.drawAnew());
    this.whole.hidden = true;
    const axes = make("span", "pills joined");
    axes.append(...this.axes);
    const logs = make("span", "pills");
    logs.append(this.whole, ...this.logs);
    this.nodes = [axes, logs];
  }

  /** Shows which are on. */
  show() {
    for (const pill of this.axes) press(pill, pill.dataset.axis === this.chart.axis);
    for (const pill of this.logs) press(pill, this.chart[pill.dataset.name]);
    this.whole.hidden = !this.chart.zoom.on;
  }
}
