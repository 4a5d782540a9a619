// The axes of the loss chart, their ranges, and the marks on them.
// `view` is the state of the chart's switches: {axis: "step" | "tokens" | "seconds", logX, logY}.
import { colour } from "../page/appearance.js";
import { LIVE, evaluations } from "../tab/feed.js";
import { decimalsOf } from "../basics/wording.js";
import { positions, secondsAt } from "./points.js";
import { enlarged } from "../page/presenting.js";

const LOG_LOSSES = [0.5, 0.7, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7, 10];

/** The ranges {x, y} of the axes, in plotly's terms (powers of ten on a log axis).
 *
 * record: of the run shown, whose length is the x range; others: further records on the chart;
 * meta: that of the figure, with the y range of the baselines. */
export function ranges(view, record, others, meta) {
  const log = Math.log10;
  const [first, length] = xRange(view, record, meta);
  const low = lowest(record, others, meta);
  return {
    x: view.logX ? [log(first), log(length)] : [0, length],
    y: view.logY ? [log(Math.max(low, 0.001)), log(meta.high)] : [low, meta.high],
  };
}

/** The first position worth a place on a logarithmic axis, and the last position. */
function xRange(view, record, meta) {
  const { step, seconds } = record.train;
  const last = step.length - 1;
  const steps = Math.max(record.steps || meta.steps, last >= 0 ? step[last] : 0);
  if (view.axis === "step") return [1, steps];
  if (view.axis === "tokens") return [record.tokens_per_step, steps * record.tokens_per_step];
  const elapsed = last >= 0 ? seconds[last] : 1;
  // Rounded up, so that the axis grows in jumps and not with each answer.
  const left = LIVE.has(record.status) ? record.seconds_left ?? elapsed * 0.5 : 0;
  const unit = Math.max(1, 10 ** Math.floor(Math.log10(elapsed + left)) / 2);
  const length = left ? Math.ceil((elapsed + left) / unit) * unit : elapsed;
  return [Math.max(last >= 0 ? seconds[0] : 0, length / 1000), length];
}

/** The bottom of the y axis: that of the baselines, or lower if a run has come near it. */
function lowest(record, others, meta) {
  const { smooth } = record.train;
  const settled = smooth.length > 21 || record.steps <= 20; // the first losses of a long run leap
  const ends = others.map((other) => other.train.smooth.at(-1));
  const seen = [record.best, settled ? smooth.at(-1) : null, ...ends];
  const least = Math.min(...seen.map((loss) => loss ?? Infinity));
  return least < meta.low + 0.04 ? least - 0.06 * (meta.high - least) : meta.low;
}

/** The end of the smoothed curve, in pixels from the corner of a plot with its present axes. */
export function endOf(view, record, plot) {
  const { step, seconds, smooth } = record.train;
  const [x] = positions(view, record, step.slice(-1), seconds.slice(-1));
  const share = (value, log, [low, high]) => ((log ? Math.log10(value) : value) - low) / (high - low);
  return [
    share(x, view.logX, plot.layout.xaxis.range) * plot.clientWidth,
    share(smooth.at(-1), view.logY, plot.layout.yaxis.range) * plot.clientHeight,
  ];
}

/** The figure's layout for these records (as in `ranges`); width: of the plot, in pixels. */
export function layoutOf(view, record, others, layout, width) {
  const { meta } = layout;
  const { x, y } = ranges(view, record, others, meta);
  const place = (value) => (view.logY ? Math.log10(value) : value);
  const narrow = width < 480;
  const shapes = layout.shapes.map((shape) => ({ ...shape }));
  const named = layout.annotations.map((note, index) => ({
    ...note,
    y: note.yref === "y2" ? meta.label_y[index] : place(meta.label_y[index]),
  }));
  const annotations = named.filter((note) => note.x > 0 || !narrow); // a name within the chart would lie over the curves
  for (const event of marked(record.events)) {
    const [line, label] = changeMark(view, record, event);
    shapes.push(line);
    annotations.push(label);
  }
  const best = risenFrom(record);
  if (best) annotations.push(bestMark(view, record, best));
  const axis = (old, log, range, logTicks) => ({
    ...old,
    type: log ? "log" : "linear",
    range,
    gridcolor: colour("grid"),
    ...(log ? logTicks : {}),
  });
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  return enlarged({
    ...layout,
    autosize: true,
    dragmode: coarse ? false : "zoom", // a finger scrolls the page
    font: { color: colour("ink") },
    hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
    margin: { ...layout.margin, r: narrow ? (layout.yaxis2 ? 104 : 86) : layout.margin.r }, // of pairs: “commonest 0 %”
    xaxis: { ...axis(layout.xaxis, view.logX, x, { dtick: 1 }), ...(narrow ? { nticks: 5, tickangle: 0 } : {}) },
    yaxis: axis(layout.yaxis, view.logY, y, { tickmode: "array", tickvals: LOG_LOSSES }),
    ...(layout.yaxis2 ? { yaxis2: { ...layout.yaxis2, showticklabels: !narrow } } : {}), // of pairs
    shapes,
    annotations,
  });
}

const RISEN = 0.02; // nats above its best that a validation loss must be to have risen

/** The evaluation with the lowest loss, if the last one is clearly above it; else null. */
export function risenFrom(record) {
  const judged = evaluations(record);
  const best = judged.reduce((a, b) => (a && a.loss <= b.loss ? a : b), null);
  return best && judged.at(-1).loss > best.loss + RISEN ? best : null;
}

/** The best evaluation of a run that has become worse since, by name and number. */
function bestMark(view, record, { step, loss, seconds }) {
  const [at] = positions(view, record, [step], [seconds]);
  return {
    text: `best ${loss.toFixed(decimalsOf([loss]))}`,
    x: view.logX ? Math.log10(Math.max(at, 1e-3)) : at,
    y: view.logY ? Math.log10(loss) : loss,
    showarrow: true,
    arrowhead: 0,
    ax: 0,
    ay: 26,
    arrowcolor: colour("validation"),
    font: { size: 11, color: colour("validation") },
  };
}

/** The events with a mark: settings with which a run went on, and learning rates that were steered otherwise. */
export function marked(events) {
  const changed = events.filter(({ type }) => type === "changed").map(({ step }) => step);
  return events.filter(({ type, step }) => type === "changed" || (type === "learning_rate" && !changed.includes(step)));
}

/** "steps 3,000→6,000", or "rate 0.001". */
function changeWords({ type, settings, learning_rate: rate }) {
  if (type !== "changed") return `rate ${Number(rate.toPrecision(2))}`;
  const value = (one) => (typeof one === "number" ? one.toLocaleString("en-US", { maximumFractionDigits: 6 }) : one);
  const told = Object.entries(settings).map(
    ([name, [before, now]]) => `${name.replaceAll("_", " ")} ${value(before)}→${value(now)}`,
  );
  return told.join("<br>");
}

/** The vertical line at a change on the way, and its label. */
function changeMark(view, record, event) {
  const seconds = event.seconds ?? secondsAt(record, event.step);
  const [at] = positions(view, record, [event.step], [seconds]);
  const line = { color: colour("ink"), width: 1, dash: "dot" };
  return [
    { type: "line", layer: "below", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line },
    {
      text: changeWords(event),
      align: "left",
      x: view.logX ? Math.log10(Math.max(at, 1e-3)) : at,
      y: 0.92,
      yref: "paper",
      xanchor: "left",
      yanchor: "top",
      xshift: 3,
      showarrow: false,
      font: { size: 10 },
    },
  ];
}
