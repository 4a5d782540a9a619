// The record of a run as points of the loss chart, and as a CSV file.
// `view` is the state of the chart's switches: {axis: "step" | "tokens" | "seconds", logX, logY}.
import { evaluations } from "../tab/feed.js";

/** x positions of points that have a step and, where known, seconds. */
export function positions(view, record, steps, seconds) {
  if (view.axis === "seconds") return seconds;
  return view.axis === "tokens" ? steps.map((step) => step * record.tokens_per_step) : steps;
}

/** The points {curve: [x, y]} of a record, from train point `from` on and of these events. */
export function pointsOf(view, record, from, events) {
  const { step, loss, smooth, seconds } = record.train;
  const x = positions(view, record, step.slice(from), seconds.slice(from));
  // The evaluation before the first step has no place on a logarithmic axis.
  const first = view.logX ? 1 : 0;
  const dots = events.filter((one) => one.type === "evaluation" && one.step >= first);
  const judged = dots.filter((one) => one.scores?.exact !== undefined); // of pairs
  const old = dots.filter((one) => Number.isFinite(one.old_loss)); // on the text of the run that was started from
  return {
    raw: [x, loss.slice(from)],
    smooth: [x, smooth.slice(from)],
    validation: [
      positions(view, record, dots.map((e) => e.step), dots.map((e) => e.seconds)),
      dots.map((e) => e.loss),
    ],
    old: [
      positions(view, record, old.map((e) => e.step), old.map((e) => e.seconds)),
      old.map((e) => e.old_loss),
    ],
    exact: [
      positions(view, record, judged.map((e) => e.step), judged.map((e) => e.seconds)),
      judged.map((e) => e.scores.exact),
    ],
  };
}

/** Seconds of training until a step. */
export function secondsAt(record, step) {
  const index = record.train.step.findIndex((s) => s >= step);
  return index < 0 ? record.train.seconds.at(-1) ?? 0 : record.train.seconds[index];
}

const ofPairs = (record) => evaluations(record).some(({ scores }) => scores?.exact !== undefined);
const headOf = (pairs) => `step,tokens,seconds,training,smoothed,validation${pairs ? ",exactly right" : ""}`;
const settingsLine = (settings) => `# ${settings.map(([name, value]) => `${name}=${value}`).join(" ").replaceAll(/\s+/g, " ")}`;

/** The points of a run as lines of comma-separated values, one for each step that has a point, after a line with
 * its settings: [name, value] each. */
export function asCsv(record, settings = []) {
  const pairs = ofPairs(record);
  const told = settings.length ? [settingsLine(settings)] : [];
  return [...told, headOf(pairs), ...linesOf(record, pairs), ""].join("\n");
}

/** The points of several runs {name, record, settings}, as those of one, with the run's name before each line. */
export function allAsCsv(runs) {
  const pairs = runs.some(({ record }) => ofPairs(record));
  const told = runs.map(({ name, settings }) => settingsLine([["run", name], ...settings]));
  const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
  const lines = runs.flatMap(({ name, record }) => linesOf(record, pairs).map((line) => `${quoted(name)},${line}`));
  return [...told, `run,${headOf(pairs)}`, ...lines, ""].join("\n");
}

function linesOf(record, pairs) {
  const rows = new Map();
  const row = (step) => {
    if (!rows.has(step)) rows.set(step, [step, step * record.tokens_per_step, "", "", "", "", ...(pairs ? [""] : [])]);
    return rows.get(step);
  };
  record.train.step.forEach((step, i) => {
    const cells = [record.train.seconds[i], record.train.loss[i], record.train.smooth[i]];
    row(step).splice(2, 3, ...cells);
  });
  for (const event of evaluations(record)) {
    const cells = row(event.step);
    if (cells[2] === "") cells[2] = event.seconds;
    cells[5] = event.loss;
    if (pairs) cells[6] = event.scores?.exact ?? "";
  }
  return [...rows.values()].sort((a, b) => a[0] - b[0]).map((cells) => cells.join(","));
}
