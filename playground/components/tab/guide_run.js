// The run that a step of the guide began: until its first evaluation there is nothing to tell of it, and nothing to press.
import { evaluations } from "./feed.js";
import { queueWords } from "./status_words.js";

export const BEGINS = "The run is being prepared: the first numbers come with the first evaluation.";
export const TRAINING = "Training: the first numbers come with the first evaluation.";

/** In place of what happened, of a run without an evaluation that waits or trains; else null. */
export function nothingYet(record) {
  if (evaluations(record).length) return null;
  if (record.status === "queued") {
    return `The run waits ${queueWords(record)}. It begins by itself: there is nothing to press.`;
  }
  return record.status === "starting" || record.status === "running" ? TRAINING : null;
}

/** Knows which run the step begins that was done last. */
export class GuideRun {
  /** A step presses Train, while this run is shown. */
  begin(index, before) {
    Object.assign(this, { index, before, run: null });
  }

  /** Another run may be shown now. */
  hear({ run }) {
    if (run && this.run === null && run !== this.before) this.run = run;
  }

  /** Whether the step was done already, and the run shown is its own and has told nothing yet. */
  begun(index, record) {
    return index === this.index && record.run !== null && record.run === this.run && nothingYet(record) !== null;
  }
}
