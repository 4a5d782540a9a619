// The state of a run in words: the line of the status strip, its hint, and the note on the tab's button.
import { duration, roughly, whole } from "../basics/wording.js";
import { LIVE, steered } from "./feed.js";
import { racing } from "../start/racing.js";

const TITLES_TOLD = 3; // of settings that differ

/** The line of the status strip, as pieces [text, is it strong]. */
export function statusWords(record) {
  const { status, reason, ours, step, steps } = record;
  const elsewhere = LIVE.has(status) && ours === false ? ["another process trains this run"] : [];
  const after = (text) => [` · ${text}`, false];
  const wentOn = (record.events ?? []).filter(({ type }) => type === "changed").at(-1);
  if (wentOn) elsewhere.push(`went on at step ${whole(wentOn.step)}`);
  const place = [
    [whole(step), true],
    [` of ${whole(steps)}`, false],
  ];
  if (status === "running") {
    const rest = [...elsewhere];
    if (record.tokens_per_second) rest.push(`${whole(record.tokens_per_second)} tokens/s`);
    if (record.seconds_left !== null) rest.push(`${duration(record.seconds_left)} left`);
    return [["step ", false], ...place, ...rest.map(after)];
  }
  if (status === "paused" || status === "stopped") {
    if (record.endedElsewhere) elsewhere.push("from another tab");
    return [[status, true], [" at step ", false], ...place, ...elsewhere.map(after)];
  }
  if (status === "finished" && record.elsewhere) return [["trained by others", true], [" · here it can learn your text", false]];
  if (status === "finished") return [["finished", true], [`: ${whole(step)} steps`, false], ...elsewhere.map(after)];
  if (status === "queued") return [["queued", true], [` ${queueWords(record)}`, false]];
  if (status === "starting") return [["starting …", false]];
  if (status === "failed") return [["failed", true], [`: ${reason || "no reason was given"}`, false]];
  if (status === "unknown") return [[reason || "this run is no longer here: press Train", false]];
  return [[record.run ? "loading …" : "nothing trained yet: press Train", false]];
}

/** What each button does to the run shown, by name: Step makes a step of a live run, else it begins one. */
export const tipWords = (record) => ({
  train: "Begin a new run with these settings",
  step: steered(record) ? "Make one step of this run, and wait" : "Begin a new run, make its first step, and wait",
  stop: "End this run; what it has so far is kept",
  go_on: "Train this run further",
  reset: "Begin a new run, and wait before its first step",
  seed: "Draw another seed, for the next run",
});

/** What a run waits for, its place in the queue and a rough time until it starts, as far as they are known. */
export function queueWords({ queue, reason }) {
  const waits = racing() ? "for a core, behind the race on Start" : "for a core";
  if (!queue) return reason ? `${waits}: ${reason}` : waits;
  const place = `${waits}: place ${queue.place} of ${queue.of}`;
  return Number.isFinite(queue.seconds) ? `${place}, starts in about ${roughly(queue.seconds)}` : place;
}

/** What a visitor should know beside the status, or ""; differing: titles of settings, and "text".
 *
 * stepped: the run that Step began in place of the one shown, or null. preparing: a button has been pressed that
 * begins one, and the server has not answered yet. */
export function hintWords(record, { connected, differing, stepped = null, preparing = false }) {
  if (!connected) return "connection lost, trying again";
  if (preparing) return "The new run is being prepared …";
  if (record.elsewhere) return "";
  if (!differing.length) {
    const begun = stepped !== null && stepped === record.run && LIVE.has(record.status) && record.step < 2;
    return begun ? "Step began a new run; the one before is under Earlier runs." : "";
  }
  const told = differing.slice(0, TITLES_TOLD).map((title) => title.toLowerCase());
  if (differing.length > TITLES_TOLD) told.push("…");
  return steered(record)
    ? `Differs from this run: ${told.join(", ")}. It goes on with its own; Reset starts anew.`
    : `Differs from the run shown: ${told.join(", ")}. Press Train.`;
}

/** Parameters and predicted time as pieces [text, is it strong]; answer: of `Actions.estimate`.
 *
 * beside: a run in training that has these settings, "same", or others, "other"; null: none trains. */
export function estimateWords({ error, parameters, steps, seconds, state, context, tuned }, beside = null) {
  if (error) return [[error, false]];
  const time = {
    timing: [[" · timing …", false]],
    waiting: [[" · timed when idle", false]],
    impossible: [[" · cannot be timed here", false]],
    busy: [[" ≈ ", false], [duration(seconds), true], [" if busy", false]],
    settled: [[" ≈ ", false], [duration(seconds), true], [" here", false]],
  };
  const whose = { same: [["This run: ", false]], other: [["Chosen: ", false]] }[beside] ?? [];
  const reach = context ? [[`\nsees ${context}`, false]] : [];
  const all = [[whole(parameters), true], [" parameters", false]];
  return [...whose, ...(tuned ? tunedWords(parameters, tuned) : all), [`\n${whole(steps)} steps`, false], ...time[state], ...reach];
}

const GIGABYTE = 1e9;

/** What a run from another one trains; added: the characters that its vocabulary lacked, in words. */
function tunedWords(parameters, { trained, memory, added }) {
  const size = memory < GIGABYTE ? `${Math.round(memory / 1e6)} MB` : `${(memory / GIGABYTE).toFixed(1)} GB`;
  const of = trained < parameters ? ` of ${whole(parameters)} parameters trained` : " parameters, all trained";
  const rows = added ? `\nnew rows for ${added}` : "";
  return [[whole(trained), true], [`${of} · about ${size} of memory${rows}`, false]];
}

/** The word on a tab's button for a live run; "" for others. */
export function doingWord({ status }) {
  const doing = { queued: "queued", starting: "training", running: "training", paused: "paused" };
  return doing[status] ?? "";
}
