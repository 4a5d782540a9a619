// The switches of the loss chart: what its x axis counts, and whether an axis is logarithmic.
import { button, make, press } from "./dom.js";

export class AxisSwitches {
  /** chart: has `axis`, `logX` and `logY`, which the switches set, and `drawAnew()`. */
  constructor(chart) {
    this.chart = chart;
    this.axes = ["step", "tokens", "seconds"].map((axis) =>
      button(axis, "pill-button", `x axis: ${axis}`, () => {
        chart.axis = axis;
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
        chart.drawAnew();
      });
      pill.dataset.name = name;
      return pill;
    });
    const axes = make("span", "pills joined");
    axes.append(...this.axes);
    const logs = make("span", "pills");
    logs.append(...this.logs);
    this.nodes = [axes, logs];
  }

  /** Shows which are on. */
  show() {
    for (const pill of this.axes) press(pill, pill.dataset.axis === this.chart.axis);
    for (const pill of this.logs) press(pill, this.chart[pill.dataset.name]);
  }
}
