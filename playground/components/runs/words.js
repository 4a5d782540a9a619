// The columns of the list of runs: how each is written, and sorted.
import { LIVE } from "../tab/feed.js";
import { duration, share as sharePercent, whole } from "../basics/wording.js";

const LONGEST = 60; // characters of a name in a sentence

/** A count in three digits: 619 k, 1.21 M. */
export function short(n) {
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (n >= size) return `${Number((n / size).toPrecision(3))}${unit}`;
  }
  return whole(n);
}

const loss = (value) => (Number.isFinite(value) ? value.toFixed(3) : "–");
const share = ({ step, steps }) => (steps ? `${Math.floor((100 * step) / steps)} %` : "");

/** Whether a run is on pairs, whose losses stand beside no text's. */
const onPairs = ({ right }) => Number.isFinite(right);
const judged = (run) => (onPairs(run) ? sharePercent(run.right) : loss(run.best));

/** The unit of the losses of some runs on one chart. */
export function unitOf(runs) {
  const units = [...new Set(runs.map(({ unit }) => unit))];
  if (units.length < 2) return `validation, ${units[0] ?? "nats per character"}`;
  return "validation, of texts and of answers: their losses do not compare";
}

/** What a run is doing, or how it ended. */
export function statusOf(run) {
  const { status, step, steps } = run;
  if (status === "running") return `training, ${share(run)}`;
  if (status === "finished") return "finished";
  const at = steps ? ` at ${whole(step)} of ${whole(steps)}` : "";
  return LIVE.has(status) || status === "stopped" ? `${status}${at}` : status;
}

/** When a run began: the time of today, else the date. */
function whenOf(created, now = new Date()) {
  const when = new Date(created);
  if (Number.isNaN(when.getTime())) return "–";
  const today = when.toDateString() === now.toDateString();
  const time = when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = when.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return today ? time : day;
}

/** The name of a model in a list, where there is little room. */
const modelOf = ({ model_title: title }) => title.replace(/\s*\btransformer\b\s*/i, "").toLowerCase();

/** The words that tell a run from the first ticked one: its name, what differs, or its recipe. */
export const labelOf = (run) => run.name || run.what.join(", ") || "own settings";

/** The full name of a run, for those who hear it. */
export const fullName = (run) => `${run.model_title}, ${labelOf(run)}`;

/** The full name in a sentence: at most so much of it as fits on a line. */
export function briefName(run) {
  const name = fullName(run);
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1).trimEnd()}…` : name;
}

/** The label of a run among others: with its model if theirs are several, and only that if it says enough. */
export function labelAmong(run, others) {
  if (run.name || others.every(({ model }) => model === run.model)) return labelOf(run);
  const alone = others.filter(({ model }) => model === run.model).length < 2;
  return alone && run.what.join() === run.recipe ? modelOf(run) : `${modelOf(run)} · ${labelOf(run)}`;
}

/** The time of training; seconds beside more than ten minutes say nothing, and there is little room. */
function took(run) {
  if (LIVE.has(run.status)) return share(run) || run.status;
  const long = run.seconds >= 600 && run.seconds < 3600;
  return long ? `${Math.round(run.seconds / 60)} min` : duration(run.seconds);
}

/** When a run began; the points of an included sweep come last: the card of sweeps shows them, too. */
const begun = ({ run, created }) => (/^shipped:.*\//.test(run) ? "" : created);

// key: of the column; by: what it is sorted by; number: stands at the right; more: only among all columns.
export const COLUMNS = [
  { key: "model", label: "model", title: "the model", text: modelOf, by: (run) => run.model_number },
  { key: "what", label: "what differs", title: "from the first ticked run", text: labelOf, by: labelOf },
  { key: "best", label: "loss", title: "lowest validation loss, nats per character; of pairs, the lines exactly right", text: judged, by: (run) => (onPairs(run) ? null : run.best), number: true },
  { key: "parameters", label: "parameters", title: "numbers that the model has learned", text: (run) => short(run.parameters), by: (run) => run.parameters, number: true },
  { key: "seconds", label: "took", title: "time of training", text: took, by: (run) => run.seconds, number: true },
  { key: "last", label: "last loss", title: "validation loss at the end", text: (run) => loss(run.last), by: (run) => run.last, number: true, more: true },
  { key: "text", label: "text", title: "the text that it learned", text: (run) => run.text, by: (run) => run.text, more: true },
  { key: "tokens", label: "tokens", title: "the pieces that the model reads", text: (run) => run.tokens, by: (run) => run.tokens, more: true },
  { key: "seen", label: "tokens seen", title: "tokens that it has learned from", text: (run) => short(run.tokens_seen), by: (run) => run.tokens_seen, number: true, more: true },
  { key: "status", label: "status", title: "how it ended, or where it is", text: statusOf, by: statusOf, more: true },
  { key: "when", label: "when", title: "when it began", text: (run) => whenOf(run.created), by: begun, more: true },
  { key: "note", label: "note", title: "a note of yours", text: (run) => run.note, by: (run) => run.note, more: true },
];

/** The runs in the order of a column; down: the largest first. Runs without a value come last. */
export function sorted(runs, key, down) {
  const { by } = COLUMNS.find((column) => column.key === key);
  const missing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);
  return runs.toSorted((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
    return down ? -order : order;
  });
}

/** The runs of a model and a text; "": of all. */
export const filtered = (runs, { model, text }) =>
  runs.filter((run) => (!model || run.model === model) && (!text || run.text_id === text));

/** One line with the rest that is known of a run. */
export function detailOf(run) {
  const last = Number.isFinite(run.last) ? `last loss ${loss(run.last)}` : "";
  const seen = `${short(run.tokens_seen)} tokens seen`;
  const about = [run.text, run.tokens, last, seen, statusOf(run), whenOf(run.created), run.note];
  return about.filter(Boolean).join(" · ");
}
