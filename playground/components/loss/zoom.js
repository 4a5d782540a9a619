// The part of a chart that one has zoomed into: it stays while points come, and stands in the address of the page.
// Ranges are {x, y} in plotly's terms: powers of ten on a logarithmic axis.
import { join, moved } from "../page/link.js";

const DIGITS = 5;

/** "0,1500,1.4,2.2": the ends of the x axis and of the y axis, in the units that the axes show.
 *
 * view: {logX, logY}. */
export function zoomTold({ x, y }, { logX, logY }) {
  const ends = [...x.map((end) => (logX ? 10 ** end : end)), ...y.map((end) => (logY ? 10 ** end : end))];
  return ends.map((end) => Number(end.toPrecision(DIGITS))).join(",");
}

/** The ranges of such words; null of any others. */
export function zoomOf(words, { logX, logY }) {
  const ends = words.split(",").map(Number);
  if (ends.length !== 4 || !ends.every(Number.isFinite)) return null;
  const range = (log, pair) => (log ? pair.map(Math.log10) : pair);
  const [x, y] = [range(logX, ends.slice(0, 2)), range(logY, ends.slice(2))];
  return [x, y].every(([low, high]) => Number.isFinite(low) && low < high) ? { x, y } : null;
}

/** The ranges that a plot shows now. */
export const shownIn = ({ layout: { xaxis, yaxis } }) => ({ x: [...xaxis.range], y: [...yaxis.range] });

export class Zoom {
  /** view: {logX, logY} of the chart, whose axes are in the address of this place already. */
  constructor(place, view) {
    this.ranges = null; // null: the whole chart is shown
    this.asked = null; // by the link with which the page was opened
    const told = () => {
      const ranges = this.ranges ?? this.asked;
      return { zoom: ranges && zoomTold(ranges, view) };
    };
    join(place, ["zoom"], told, ({ zoom }) => {
      this.asked = zoomOf(zoom, view);
    });
  }

  get on() {
    return this.ranges !== null;
  }

  /** Zooms into what the link asked for; false if there is nothing left of that. */
  takeAsked() {
    if (!this.asked) return false;
    Object.assign(this, { ranges: this.asked, asked: null });
    return true;
  }

  /** Hears of plotly's event "relayout"; whether somebody has zoomed. */
  hear(event, plot) {
    if (!("xaxis.range[0]" in event || "yaxis.range[0]" in event)) return false;
    this.ranges = shownIn(plot);
    moved();
    return true;
  }

  clear() {
    if (!this.on) return;
    this.ranges = null;
    moved();
  }
}
