// Scores to probabilities in the browser: the same numbers as `lm/generation.py` gives.
import assert from "node:assert/strict";
import test from "node:test";
import { distribution, floats, ranked, softmax } from "../../playground/components/inside/sampling.js";

const SCORES = [2, 1, 0, -1, 1];
const PYTHON = {
  cold: [0.7743144, 0.1047921, 0.0141821, 0.0019193, 0.1047921],
  three: [0.4518628, 0.2740686, 0.0000000, 0.0000000, 0.2740686],
  most: [0.7310585, 0.2689414, 0.0000000, 0.0000000, 0.0000000],
  both: [0.6357240, 0.1821380, 0.0000000, 0.0000000, 0.1821380],
};
const near = (found, expected) =>
  found.forEach((value, index) => assert.ok(Math.abs(value - expected[index]) < 1e-6, `${found}`));

test("temperature 1 without filters is the softmax", () => {
  near(distribution(SCORES).probabilities, softmax(SCORES));
  assert.equal(distribution(SCORES).kept, 5);
});

test("temperature 0 puts all on the highest score, the first of equal ones", () => {
  assert.deepEqual(distribution([1, 3, 3], { temperature: 0 }), { probabilities: [0, 1, 0], kept: 1 });
});

test("the order is temperature, top-k, top-p, as the values of lm/generation.py say", () => {
  // python: next_token_distribution(torch.tensor([2., 1, 0, -1, 1]), temperature, top_k, top_p)
  near(
    distribution(SCORES, { temperature: 0.5 }).probabilities,
    PYTHON.cold,
  );
  near(distribution(SCORES, { temperature: 2, topK: 3 }).probabilities, PYTHON.three);
  near(distribution(SCORES, { temperature: 1, topP: 0.6 }).probabilities, PYTHON.most);
  near(distribution(SCORES, { temperature: 0.8, topK: 4, topP: 0.9 }).probabilities, PYTHON.both);
});

test("the likeliest token always stays", () => {
  assert.equal(distribution(SCORES, { topP: 0.05 }).kept, 1);
  assert.equal(distribution(SCORES, { topK: 1 }).kept, 1);
});

test("equal scores keep their order", () => {
  assert.deepEqual(ranked(SCORES), [0, 1, 4, 2, 3]);
});

test("scores arrive as float32 in base64", () => {
  const bytes = new Uint8Array(new Float32Array([1.5, -2]).buffer);
  assert.deepEqual([...floats(btoa(String.fromCharCode(...bytes)))], [1.5, -2]);
});
