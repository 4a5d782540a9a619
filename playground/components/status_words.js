// The state of a run in words: the line of the status strip, its hint, and the note on the tab's button.
import { duration, whole } from "./wording.js";
import { LIVE } from "./feed.js";

/** The line of the status strip, as pieces [text, is it strong]. */
export function statusWords(record) {
  const { status, reason, step, steps } = record;
  const place = [
    [whole(step), true],
    [` of ${whole(steps)}`, false],
  ];
  if (status === "running") {
    const rest = [];
    if (record.tokens_per_second) rest.push(`${whole(record.tokens_per_second)} tokens/s`);
    if (record.seconds_left !== null) rest.push(`${duration(record.seconds_left)} left`);
    return [["step ", false], ...place, ...rest.map((text) => [` · ${text}`, false])];
  }
  if (status === "paused" || status === "stopped") {
    return [[status, true], [" at step ", false], ...place];
  }
  if (status === "finished") return [["finished", true], [`: ${whole(step)} steps`, false]];
  if (status === "queued") return [[`queued: ${reason || "starts when a place is free"}`, false]];
  if (status === "starting") return [["starting …", false]];
  if (status === "failed") return [["failed", true], [`: ${reason || "no reason was given"}`, false]];
  if (status === "unknown") return [[reason || "this run is no longer here: press Train", false]];
  return [[record.run ? "loading …" : "nothing trained yet: press Train", false]];
}

/** What a visitor should know beside the status, or "". */
export function hintWords(record, { connected, stale }) {
  if (!connected) return "connection lost, trying again";
  if (!stale) return "";
  return LIVE.has(record.status)
    ? "These settings differ from the run's. It goes on with its own; Reset starts a run with these."
    : "These settings differ from the run shown. Press Train.";
}

/** The second line of a tab's button: the status of a live run and the best loss. */
export function ladderNote(record) {
  const best = Number.isFinite(record.best) ? record.best.toFixed(2) : "";
  const doing = { queued: "queued", starting: "training", running: "training", paused: "paused" };
  return [doing[record.status], best].filter(Boolean).join(" · ");
}
