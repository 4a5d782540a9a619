// The loss at a moment as a large number, and its meaning in words.
import { evaluations } from "../tab/feed.js";
import { decimalsOf, share, whole } from "../basics/wording.js";

/** The last evaluation up to a step (null: now), {step, loss, number}, or undefined.
 *
 * number: the loss, with enough digits to differ from the one before. */
export function judgedAt(record, step) {
  const until = step ?? Infinity;
  const judged = evaluations(record).filter((one) => one.step <= until && Number.isFinite(one.loss)).slice(-2);
  const last = judged.at(-1);
  return last && { ...last, number: last.loss.toFixed(decimalsOf(judged.map(({ loss }) => loss))) };
}

/** The share of held-out lines exactly right at a step (null: now); null of a run on a text. */
export const rightAt = (record, step = null) => judgedAt(record, step)?.scores?.exact ?? null;

/** The loss at a step (null: now): {number, words}; "–" before anything is measured.
 *
 * Of a run on pairs the number is the share of lines exactly right. */
export function lossWords(record, step) {
  const judged = judgedAt(record, step);
  if (judged?.scores?.exact !== undefined) {
    const at = `at step ${whole(judged.step)}`;
    return {
      number: share(judged.scores.exact),
      words: `of held-out lines exactly right ${at} · loss ${judged.number} nats`,
    };
  }
  const index = record.train.step.findLastIndex((one) => one <= (step ?? Infinity));
  const loss = judged?.loss ?? record.train.smooth[index];
  if (!Number.isFinite(loss)) return { number: "–", words: "nats per character: nothing measured yet" };
  const at = judged ? `at step ${whole(judged.step)}` : "in training";
  const bits = (loss / Math.LN2).toFixed(2);
  const choices = Math.exp(loss);
  const among = choices < 100 ? choices.toFixed(1) : whole(choices);
  return {
    number: judged?.number ?? loss.toFixed(2),
    words: `nats per character ${at} · ${bits} bits · like choosing among ${among}`,
  };
}

/** The loss chart in words, with its numbers: for those who do not see it. */
export function chartWords(record) {
  const all = evaluations(record);
  const decimals = decimalsOf(all.map(({ loss }) => loss));
  const judged = all.map(({ step, loss }) => `${whole(step)}: ${loss.toFixed(decimals)}`);
  const numbers = judged.length ? ` Validation loss by step: ${judged.join("; ")}.` : "";
  return `Loss chart. ${record.summary || ""}${numbers}`;
}
