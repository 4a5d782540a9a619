// The records of runs as curves of one chart: their points, thinned to what a screen shows, and the axes.
import { evaluations } from "../tab/feed.js";

export const AXES = ["step", "tokens", "seconds", "FLOPs"];
const DRAWN = 300; // points of a training curve: a chart is about 600 pixels wide
const SETTLED = 0.1; // of a run, after which its losses decide how high the chart reaches

/** The place of a step on an axis. size: {tokens_per_step, parameters} of the run.
 *
 * FLOPs are 6 for each parameter and token (Kaplan et al. 2020, section 2.1). */
export function placeOf(axis, size, step, seconds) {
  if (axis === "seconds") return seconds;
  if (axis === "step") return step;
  const tokens = step * size.tokens_per_step;
  return axis === "tokens" ? tokens : 6 * size.parameters * tokens;
}

/** Every how many points one is drawn, so that `count` points become `DRAWN` to twice as many. */
export function strideOf(count) {
  return 2 ** Math.max(0, Math.floor(Math.log2(count / DRAWN)));
}

/** The validation points {x, y} from event `from` on; none before the first step, where the axis is logarithmic. */
export function validationOf(view, record, size, from = 0) {
  const judged = evaluations({ events: record.events.slice(from) });
  const dots = judged.filter((one) => one.step > 0 || !view.logX);
  return {
    x: dots.map((one) => placeOf(view.axis, size, one.step, one.seconds)),
    y: dots.map((one) => one.loss),
  };
}

/** Every `stride`th point {x, y} of the smoothed training curve, from point `from` on. */
export function trainingOf(view, record, size, stride, from = 0) {
  const { step, smooth, seconds } = record.train;
  const x = [];
  const y = [];
  for (let i = Math.ceil(from / stride) * stride; i < step.length; i += stride) {
    x.push(placeOf(view.axis, size, step[i], seconds[i]));
    y.push(smooth[i]);
  }
  return { x, y };
}

/** The labels of the axis of a view up to `end`, in plotly's terms: few enough and short enough to stand side by side. */
export function xTicks({ axis, logX }, end, narrow) {
  const large = axis === "FLOPs" || axis === "tokens" || (logX ? end >= 5 : end >= 1e5); // 200k and not 200,000
  const angle = narrow ? { tickangle: 0 } : {};
  if (logX) return { dtick: 1, exponentformat: large ? "power" : "none", ...angle };
  return { nticks: narrow ? 5 : 8, exponentformat: large ? "SI" : "none", ...angle };
}

/** The ranges {x, y} of the axes, in plotly's terms, that hold these curves {training, validation, end}.
 *
 * The first losses fall steeply: the chart reaches as high as they are after a tenth of each run. */
export function rangesOf(view, curves) {
  const both = curves.flatMap(({ validation, training }) => [validation, training]);
  const known = both.filter(({ x }) => x.length);
  if (!known.length) return { x: [0, 1], y: [0, 5] };
  const begins = known.map(({ x }) => x.find((one) => one > 0)).filter((x) => x !== undefined);
  const settled = known.flatMap(({ x, y }) => {
    const late = y.filter((_, index) => x[index] >= SETTLED * x.at(-1));
    return [Math.max(...late), Math.min(...late)];
  });
  const [low, high] = [Math.min(...settled), Math.max(...settled)];
  const room = 0.06 * Math.max(high - low, 0.05);
  const end = Math.max(...curves.map((curve) => curve.end).filter(Number.isFinite)) || 1;
  const log = Math.log10;
  return {
    x: view.logX ? [log(Math.min(end / 2, ...begins)), log(end) + 0.02] : [0, end],
    y: view.logY ? [log(Math.max(low - room, 1e-3)), log(high + room)] : [low - room, high + room],
  };
}

/** Heights for labels that want to stand at `wanted`, at least `gap` apart, between 0 and `height` where they fit.
 *
 * The order of the labels is that of the lines. */
export function arranged(wanted, gap, height) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const at = [];
  let least = 0;
  for (const index of order) {
    at[index] = Math.max(wanted[index], least);
    least = at[index] + gap;
  }
  let most = Math.max(height, gap * (order.length - 1));
  for (const index of order.reverse()) {
    at[index] = Math.min(at[index], most);
    most = at[index] - gap;
  }
  return at;
}

/** The last point of a curve {x, y} that a range of x shows, as [x, y], or null. */
export function lastShown({ x, y }, [low, high]) {
  const index = x.findLastIndex((one) => one <= high * (1 + 1e-9));
  return index < 0 || x[index] < low ? null : [x[index], y[index]];
}
