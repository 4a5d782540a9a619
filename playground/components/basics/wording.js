// Numbers, durations and characters as the page writes them.

export const whole = (n) => Math.round(n).toLocaleString("en-GB");

const VISIBLE = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍" };

/** A token with its white space made visible. */
export const shown = (token) => token.replace(/[ \n\t\r]/g, (character) => VISIBLE[character]);

export function duration(exact) {
  const seconds = Math.max(1, Math.round(exact));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A duration that is not known well: in seconds, minutes or hours. */
export function roughly(seconds) {
  if (seconds < 50) return `${Math.max(10, 10 * Math.round(seconds / 10))} s`;
  if (seconds < 3000) return `${Math.max(1, Math.round(seconds / 60))} min`;
  return `${Math.max(1, Math.round(seconds / 3600))} h`;
}

/** A probability from 0 to 1 in per cent, with a decimal where it is small. */
export const percent = (p) => `${(100 * p).toFixed(p < 0.1 ? 1 : 0)} %`;

/** A share of lines from 0 to 1 in per cent: a decimal unless it is 0 %, 100 %, or whole. */
export const share = (part) => `${(100 * part).toFixed(1).replace(".0", "")} %`;

/** The surprise at a token: its loss in nats, and the probability that it had. */
export function surprise(loss) {
  if (!Number.isFinite(loss)) return "the first token: there is no prediction of it";
  const probability = Math.exp(-loss);
  const chance = probability < 0.001 ? "under 0.1" : (100 * probability).toFixed(1);
  return `surprise ${loss.toFixed(2)} nats, probability ${chance} %`;
}

const LEAST_DECIMALS = 2;
const MOST_DECIMALS = 4;

/** Decimals, two to four, with which losses that differ, also from 0, differ as they are written.
 *
 * As `decimals_of` in lm/wording.py. */
export function decimalsOf(losses) {
  const known = [0, ...losses.filter(Number.isFinite)];
  const different = (decimals) => new Set(known.map((loss) => loss.toFixed(decimals))).size;
  let decimals = LEAST_DECIMALS;
  while (decimals < MOST_DECIMALS && different(decimals) < different(MOST_DECIMALS)) decimals += 1;
  return decimals;
}
