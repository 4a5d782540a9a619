// A sweep in words: its costs before it starts, and how far it is.
import { duration, whole } from "../basics/wording.js";

const IN_TRAINING = ["queued", "starting", "running", "paused"];

/** The costs of a sweep in one sentence; costs: an answer of `Sweeping.costs`, or null while it is asked for. */
export function costWords(costs) {
  if (!costs) return "Reckoning …";
  if (costs.error) return costs.error;
  const { runs, parameters, seconds, known, waits } = costs;
  const size = `${whole(runs)} ${runs === 1 ? "run" : "runs"}, ${whole(parameters)} parameters in all`;
  if (known === runs) return `${size}, about ${duration(seconds)} of training here.`;
  return `${size}; timed so far: ${known} of ${runs}${waits ? ", the others when nothing trains" : ""}.`;
}

/** The settings of all runs of a sweep; title: of the model; costs: as of `costWords`. */
export const fromWords = (title, costs) => (costs?.from ? `All else as on the tab ${title}: ${costs.from}.` : "");

/** How far a sweep is: "2 of 5 finished, 1 in training". */
export function stateWords({ points }) {
  const count = (wanted) => points.filter(({ status }) => wanted.includes(status)).length;
  const told = [`${count(["finished"])} of ${points.length} finished`];
  const kinds = [
    [IN_TRAINING.slice(1, 3), "in training"],
    [["paused"], "paused"],
    [["queued", "waiting"], "waiting"],
    [["stopped"], "stopped"],
    [["failed"], "failed"],
    [["deleted"], "deleted"],
    [["missing"], "never begun"],
  ];
  for (const [statuses, word] of kinds) {
    if (count(statuses)) told.push(`${count(statuses)} ${word}`);
  }
  const problem = points.find((one) => one.problem && one.status === "failed")?.problem;
  return `${told.join(", ")}.${problem ? ` ${problem}` : ""}`;
}

/** The figure in words, for those who do not see it. */
export function figureWords({ title, points, words }) {
  const losses = points.filter(({ loss }) => Number.isFinite(loss)).map(({ title: one, loss }) => `${one}: ${loss.toFixed(3)}`);
  return `Loss of each run of ${title}. ${losses.join("; ")}. ${words}`;
}
