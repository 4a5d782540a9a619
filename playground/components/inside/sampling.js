// From a model's scores to the probabilities that a token is drawn from, as `lm/generation.py` does it:
// temperature, then top-k, then top-p. The page computes them itself, so that they move with the sliders.

/** The float32 numbers that `text` holds in base64. */
export function floats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

export function softmax(scores) {
  const highest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Indices of scores, the highest first; of equal ones, the first first. */
export const ranked = (scores) =>
  Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);

/** Scores to {probabilities, kept}: what is drawn from, and how many tokens have a chance. */
export function distribution(scores, { temperature = 1, topK = 0, topP = 1 } = {}) {
  const order = ranked(scores);
  let probabilities;
  if (temperature === 0) {
    probabilities = Array.from(scores, (_, index) => (index === order[0] ? 1 : 0));
  } else {
    const scaled = Array.from(scores, (score) => score / Math.max(temperature, 1e-4));
    if (topK > 0) for (const index of order.slice(topK)) scaled[index] = -Infinity;
    probabilities = softmax(scaled);
    if (topP < 1) probabilities = smallestSet(probabilities, order, topP);
  }
  return { probabilities, kept: probabilities.filter((p) => p > 0).length };
}

/** The smallest set of the likeliest tokens that holds `share` of the probability, which then sums to 1. */
function smallestSet(probabilities, order, share) {
  let before = 0;
  const kept = probabilities.map(() => 0);
  for (const [rank, index] of order.entries()) {
    if (rank > 0 && before >= share) break;
    kept[index] = probabilities[index];
    before += probabilities[index];
  }
  const sum = kept.reduce((a, b) => a + b, 0);
  return kept.map((p) => p / sum);
}
