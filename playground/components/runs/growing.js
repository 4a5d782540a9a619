// How the chart of runs grows: the curve of a run from its record, its news, and whether one would see them.
import { LIVE } from "../tab/feed.js";
import { placeOf, strideOf, trainingOf, validationOf } from "./curves.js";

const VISIBLE_PX = 2; // a curve that has grown by less looks as before: training needs the processor
const NONE = { x: [], y: [] };

/** The end of the training curve [x, y], or null. */
function endOf(view, record, size) {
  const { step, smooth, seconds } = record.train;
  const last = step.length - 1;
  return last < 0 ? null : [placeOf(view.axis, size, step[last], seconds[last]), smooth[last]];
}

/** The curve of a run: what is drawn of it, every `stride`th point of its training, and how much of its record.
 *
 * view: the chart, with its switches; size: as of `placeOf`. */
export function curveOf(view, run, record, size) {
  const stride = strideOf(record.train.step.length);
  const training = view.training ? trainingOf(view, record, size, stride) : { x: [], y: [] };
  const validation = validationOf(view, record, size);
  const ends = [...training.x.slice(-1), ...validation.x.slice(-1)];
  if (LIVE.has(record.status) && view.axis !== "seconds") ends.push(placeOf(view.axis, size, record.steps, 0));
  const { step: points } = record.train;
  const known = { points: points.length, events: record.events.length, at: endOf(view, record, size) };
  return { run, training, validation, stride, end: Math.max(...ends), ...known };
}

/** Moves the news of a record into its curve; returns the new points {training, validation}.
 *
 * null: the run was rewound, or has become so long that fewer of its points are drawn. */
export function grow(view, curve, record, size) {
  const count = record.train.step.length;
  if (count < curve.points || strideOf(count) > curve.stride) return null;
  const training = view.training ? trainingOf(view, record, size, curve.stride, curve.points) : NONE;
  const news = { training, validation: validationOf(view, record, size, curve.events) };
  for (const [name, { x, y }] of Object.entries(news)) {
    curve[name].x.push(...x);
    curve[name].y.push(...y);
    curve.end = Math.max(curve.end, ...x.slice(-1));
  }
  Object.assign(curve, { points: count, events: record.events.length, at: endOf(view, record, size) });
  return news;
}

/** Whether one would see the news of a record on a plot: events, the end of the run, or some pixels of its curve. */
export function isSeen(view, curve, record, size, { layout, clientWidth, clientHeight }) {
  if (record.events.length > curve.events || !LIVE.has(record.status)) return true;
  const end = view.training ? endOf(view, record, size) : null;
  if (!end || !curve.at) return Boolean(end);
  const place = (value, { type, range }, length) => {
    const [low, high] = range;
    return (length * ((type === "log" ? Math.log10(value) : value) - low)) / (high - low);
  };
  const moved = (index, axis, length) => place(end[index], axis, length) - place(curve.at[index], axis, length);
  return !(Math.hypot(moved(0, layout.xaxis, clientWidth), moved(1, layout.yaxis, clientHeight)) < VISIBLE_PX);
}
