// The length of the gradient in each layer: which lengths are shown at a moment, and what is said of them.
import assert from "node:assert/strict";
import test from "node:test";
import { gradientAt, gradientRange, gradientWords } from "../../playground/components/loss/gradient_chart.js";
import { evaluation, recordOf } from "./records.mjs";

const gradient = (step, ...layers) => ({ type: "gradient", step, layers });
const said = (...layers) => gradientWords(gradient(1200, ...layers)).replace("Step 1,200: the first layer's gradient ", "");

test("the lengths are those of the moment; before the first, the first; of an older run, none", () => {
  const events = [gradient(10, 1, 2), evaluation(10, 4), gradient(20, 3, 4)];
  const at = (step) => gradientAt(recordOf(30, { events }), step)?.step;
  assert.deepEqual([null, 30, 20, 19, 10, 0].map(at), [20, 20, 20, 10, 10, 10]);
  assert.equal(gradientAt(recordOf(30, { events: [evaluation(10, 4)] }), null), undefined);
});

test("the words compare the first layer with the last, whatever lies between", () => {
  assert.equal(said(0.001, 9, 0.24), "is 1/240 of the last one's.");
  assert.equal(said(0.001, 9, 1.49), "is 1/1,500 of the last one's.");
  assert.equal(said(0.1, 0.25), "is 1/2.5 of the last one's.");
  assert.equal(said(0.8, 1), "is about as long as the last one's (0.80 times).");
  assert.equal(said(3, 1), "is 3.0 times as long as the last one's.");
});

test("a layer without any gradient is said to have none", () => {
  assert.equal(said(0, 1), "has no length: nothing tells it what to change.");
  assert.equal(said(1, 0), "has a length, and the last one's has none.");
});

test("the axis holds all lengths and spans two powers of ten or more", () => {
  const [low, high] = gradientRange([0.5, 0.4, 0.45]);
  assert.ok(high - low >= 2 && low < Math.log10(0.4) && high > Math.log10(0.5));
  const [least, most] = gradientRange([0, 1e-6, 1]); // a logarithm has no place for 0
  assert.ok(least < -6 && most > 0);
  assert.deepEqual(gradientRange([0, 0]), [-1, 1]);
});
