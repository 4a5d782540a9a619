// The marker on the loss chart: the moment of the run that the tab shows. Dragged, clicked or moved with the arrow
// keys, it goes from snapshot to snapshot; sample, inside and Write show the model as it was then.
import { make } from "../basics/dom.js";
import { positions, secondsAt } from "./points.js";
import { whole } from "../basics/wording.js";

/** The index of the number in `places` that is nearest to `x`. */
export function nearest(places, x) {
  const distances = places.map((place) => Math.abs(place - x));
  return distances.indexOf(Math.min(...distances));
}

/** The index among `count` snapshots after a key was pressed at `index`; null: not a key of the marker. */
export function afterKey(key, index, count) {
  const moves = {
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    PageDown: index - 5,
    PageUp: index + 5,
    Home: 0,
    End: count - 1,
  };
  return key in moves ? Math.max(0, Math.min(count - 1, moves[key])) : null;
}

export class MomentMarker {
  /** chart: the `LossChart`, over whose plot the marker stands. */
  constructor(chart) {
    this.chart = chart;
    this.tab = chart.tab;
    this.node = make("div", "moment");
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "slider");
    this.node.setAttribute("aria-label", "Moment of the run: the snapshot that the page shows");
    this.label = make("span", "moment-label");
    this.node.append(make("span", "moment-line"), this.label);
    this.node.addEventListener("pointerdown", (event) => this.take(event));
    this.node.addEventListener("keydown", (event) => this.press(event));
    chart.frame.addEventListener("click", (event) => this.clicked(event));
    this.tab.onStep(() => this.place(), this.node);
  }

  /** Pixels from the left of the plot to each snapshot. */
  places() {
    const { chart, tab } = this;
    const { layout } = chart.plot;
    const [low, high] = layout.xaxis.range;
    const steps = tab.snapshots;
    const seconds = steps.map((step) => secondsAt(tab.record, step));
    const width = chart.plot.clientWidth - layout.margin.l - layout.margin.r;
    return positions(chart, tab.record, steps, seconds).map((x) => {
      const value = chart.logX ? Math.log10(Math.max(x, 10 ** low)) : x;
      return layout.margin.l + (width * (value - low)) / (high - low);
    });
  }

  get index() {
    return this.tab.snapshotIndex;
  }

  /** Puts the marker where the tab's moment is; hidden while there is no snapshot. */
  place() {
    const { plot } = this.chart;
    const { snapshots } = this.tab;
    this.node.hidden = !snapshots.length || !plot.layout?.xaxis?.range || this.chart.zoom.on;
    if (this.node.hidden) return;
    const x = this.places()[this.index];
    this.node.style.transform = `translateX(${x}px)`;
    this.node.classList.toggle("at-right", x > plot.clientWidth - plot.layout.margin.r - 90);
    const step = snapshots[this.index];
    this.label.textContent = `step ${whole(step)}`;
    this.node.setAttribute("aria-valuemin", 0);
    this.node.setAttribute("aria-valuemax", snapshots.at(-1));
    this.node.setAttribute("aria-valuenow", step);
    this.node.setAttribute("aria-valuetext", `step ${whole(step)}`);
  }

  /** The nearest snapshot to a pointer becomes the moment. */
  follow(event) {
    const left = this.chart.plot.getBoundingClientRect().left;
    this.tab.showSnapshot(nearest(this.places(), event.clientX - left));
  }

  take(event) {
    event.preventDefault();
    event.stopPropagation();
    this.node.focus();
    this.node.setPointerCapture(event.pointerId);
    const move = (moved) => this.follow(moved);
    const drop = () => {
      this.node.removeEventListener("pointermove", move);
      this.node.removeEventListener("pointerup", drop);
      this.node.removeEventListener("pointercancel", drop);
    };
    this.node.addEventListener("pointermove", move);
    this.node.addEventListener("pointerup", drop);
    this.node.addEventListener("pointercancel", drop);
  }

  press(event) {
    const index = afterKey(event.key, this.index, this.tab.snapshots.length);
    if (index === null) return;
    event.preventDefault();
    this.tab.showSnapshot(index);
  }

  /** A click under the curves, on the axis, chooses a moment, too. */
  clicked(event) {
    const box = this.chart.plot.getBoundingClientRect();
    const below = box.bottom - event.clientY;
    if (this.node.hidden || below < 0 || below > this.chart.plot.layout.margin.b) return;
    if (event.clientX >= box.left && event.clientX <= box.right) this.follow(event);
  }
}
