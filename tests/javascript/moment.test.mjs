// The marker of the moment, and the loss that stands beside the chart.
import assert from "node:assert/strict";
import test from "node:test";
import { aboutOne, noteOf } from "../../playground/components/tab/snapshot_slider.js";
import { chartWords, lossWords } from "../../playground/components/loss/words.js";
import { afterKey, nearest } from "../../playground/components/loss/moment.js";

test("a pointer chooses the nearest snapshot", () => {
  assert.equal(nearest([36, 50, 400], 44), 1);
  assert.equal(nearest([36, 50, 400], -100), 0);
  assert.equal(nearest([36, 50, 400], 999), 2);
});

test("arrow keys go from snapshot to snapshot and stop at the ends", () => {
  assert.equal(afterKey("ArrowLeft", 0, 5), 0);
  assert.equal(afterKey("ArrowRight", 3, 5), 4);
  assert.equal(afterKey("ArrowRight", 4, 5), 4);
  assert.equal(afterKey("PageDown", 3, 5), 0);
  assert.equal(afterKey("End", 0, 5), 4);
  assert.equal(afterKey("Tab", 0, 5), null);
});

const record = {
  train: { step: [1, 10, 20], smooth: [4.1, 3.5, 3.0] },
  events: [{ type: "evaluation", step: 20, loss: Math.log(8) }],
};

test("the loss at the moment is that of the last evaluation by then", () => {
  const { number, words } = lossWords(record, null);
  assert.equal(number, "2.08");
  assert.equal(words, "nats per character at step 20 · 3.00 bits · like choosing among 8.0");
});

test("losses of two moments that differ are shown with enough digits to differ", () => {
  const events = [1.4712, 1.4709, 1.3].map((loss, index) => ({ type: "evaluation", step: 10 * index, loss }));
  const numbers = [0, 10, 20].map((step) => lossWords({ ...record, events }, step).number);
  assert.deepEqual(numbers, ["1.47", "1.4709", "1.30"]);
  assert.match(chartWords({ ...record, events }), /0: 1\.4712; 10: 1\.4709; 20: 1\.3000/);
});

test("before the first evaluation it is that of the batches", () => {
  assert.equal(lossWords(record, 10).number, "3.50");
  assert.match(lossWords(record, 10).words, /nats per character in training/);
  assert.equal(lossWords({ train: { step: [], smooth: [] }, events: [] }, null).number, "–");
});

test("a run with one snapshot says so in place of a dead button", () => {
  assert.match(aboutOne({ status: "finished" }), /only snapshot kept: nothing to play/);
  assert.match(aboutOne({ status: "running" }), /so far/);
});

test("a moment whose snapshot was deleted says which one is shown in its place", () => {
  assert.equal(noteOf({ step: 250 }, 500), "There is no snapshot of step 500: this is step 250.");
  assert.equal(noteOf({ step: 500, note: "No “q” here." }, 500), "No “q” here.");
  assert.equal(noteOf({ step: 500 }, null), "");
});
