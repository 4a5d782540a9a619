// The figure and the words of a sweep.
import assert from "node:assert/strict";
import test from "node:test";
import { asCsv, groupsOf, isLog, tracesOf } from "../../playground/components/sweep/figure.js";
import { costWords, fromWords, stateWords } from "../../playground/components/sweep/words.js";

const point = (x, loss, other = null, status = "finished") => ({ x, loss, other, status, title: `n ${x}` });

test("an axis is logarithmic only for positive numbers that span a factor of eight", () => {
  assert.ok(isLog([1, 2, 4, 8]));
  assert.ok(!isLog([1, 2, 4]));
  assert.ok(!isLog([0, 8]));
  assert.ok(!isLog(["learned", "rotary"]));
});

test("points come in the order of the first setting, a line for each value of the second", () => {
  const groups = groupsOf([point(8, 2, "a"), point(4, 3, "a"), point(4, 2.5, "b"), point(16, null, "a")]);
  assert.deepEqual([...groups.keys()], ["a", "b"]);
  assert.deepEqual(groups.get("a").map(({ x }) => x), [4, 8]);
});

test("a law has its band and its curve before the points, hollow while they train", () => {
  const law = { curve: [[10, 3, 2.9, 3.1], [100, 2, 1.8, 2.2]] };
  const traces = tracesOf({ kind: "scale", law, points: [point(10, 3), point(20, 2.5, null, "running")] }, () => "#000000");
  assert.deepEqual(traces.map(({ y }) => y), [[2.9, 1.8], [3.1, 2.2], [3, 2], [3, 2.5]]);
  assert.deepEqual(traces.at(-1).marker.symbol, ["circle", "circle-open"]);
  const bare = { curve: [[10, 3, null, null]] };
  assert.equal(tracesOf({ kind: "scale", law: bare, points: [] }, () => "#000000").length, 1);
});

test("the points of a sweep are lines of a table", () => {
  const points = [{ title: "layers 2, heads 4", parameters: 900, loss: 1.5, status: "finished" }, { title: "x", parameters: 9, loss: null, status: "waiting" }];
  assert.equal(asCsv({ points }), 'run,parameters,validation,status\n"layers 2, heads 4",900,1.5,finished\nx,9,,waiting\n');
});

test("the costs are told before the times are known, and a refusal as it is", () => {
  const costs = { runs: 2, parameters: 3000, seconds: 0, known: 0, waits: false };
  assert.equal(costWords(costs), "2 runs, 3,000 parameters in all; timed so far: 0 of 2.");
  assert.match(costWords({ ...costs, seconds: 65, known: 2 }), /about .* of training here\.$/);
  assert.equal(costWords({ error: "No." }), "No.");
});

test("the settings that a sweep begins with are told with the tab that shows them", () => {
  const from = "classic with layers 3→4";
  assert.equal(fromWords("Decoder transformer", { from }), "All else as on the tab Decoder transformer: classic with layers 3→4.");
  assert.equal(fromWords("Decoder transformer", { error: "No." }), "");
});

test("the state counts the runs and says why one failed", () => {
  const points = [point(1, 2), point(2, null, null, "failed"), point(3, null, null, "deleted")];
  points[1].problem = "The disk is full.";
  assert.equal(stateWords({ points }), "1 of 3 finished, 1 failed, 1 deleted. The disk is full.");
});
