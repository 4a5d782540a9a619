// The points and the axes of the loss chart.
import assert from "node:assert/strict";
import test from "node:test";
import { layoutOf, ranges, risenFrom } from "../../playground/components/loss/axes.js";
import { asCsv, pointsOf, positions, secondsAt } from "../../playground/components/loss/points.js";
import { extension, tracesOf } from "../../playground/components/loss/traces.js";
import { evaluation, recordOf } from "./records.mjs";

const STEPS = { axis: "step", logX: false, logY: false };
const META = { steps: 10, low: 1, high: 4.2 };
const FIGURE = {
  data: ["raw", "smooth", "validation"].map((curve) => ({ meta: { curve, colour: "train" }, line: { width: 1 } })),
};

test.before(() => {
  globalThis.document = { body: null };
  globalThis.getComputedStyle = () => ({ getPropertyValue: () => " #2f5fd0" });
});

test("each axis places the same points by step, by tokens or by seconds", () => {
  const record = recordOf(3);
  const x = (axis) => pointsOf({ ...STEPS, axis }, record, 0, []).raw[0];
  assert.deepEqual(x("step"), [1, 2, 3]);
  assert.deepEqual(x("tokens"), [64, 128, 192]);
  assert.deepEqual(x("seconds"), [0.5, 1, 1.5]);
  assert.deepEqual(positions({ ...STEPS, axis: "tokens" }, record, [0, 10], [0, 5]), [0, 640]);
});

test("points begin where they are asked to, and evaluations are the dots", () => {
  const events = [evaluation(0, 4.2), { type: "sample", step: 1 }, evaluation(2, 3.9)];
  const points = pointsOf(STEPS, recordOf(4), 2, events);
  assert.deepEqual(points.smooth, [[3, 4], [3.8, 3.7]]);
  assert.deepEqual(points.validation, [[0, 2], [4.2, 3.9]]);
});

test("the evaluation before the first step has no place on a logarithmic axis", () => {
  const events = [evaluation(0, 4.2), evaluation(2, 3.9)];
  assert.deepEqual(pointsOf({ ...STEPS, logX: true }, recordOf(2), 0, events).validation[0], [2]);
});

test("the x range is the length of the run, in the unit of the axis", () => {
  const x = (view, record) => ranges({ ...STEPS, ...view }, record, [], META).x;
  assert.deepEqual(x({}, recordOf(3)), [0, 10]);
  assert.deepEqual(x({ axis: "tokens" }, recordOf(3)), [0, 640]);
  assert.deepEqual(x({ logX: true }, recordOf(3)), [0, 1]);
  assert.deepEqual(x({ axis: "seconds" }, recordOf(3, { status: "finished" })), [0, 1.5]);
});

test("the axis of seconds reaches to the predicted end and grows in jumps", () => {
  const end = (left) =>
    ranges({ ...STEPS, axis: "seconds" }, recordOf(3, { seconds_left: left }), [], META).x[1];
  assert.equal(end(3.2), 5);
  assert.equal(end(3.4), 5);
  assert.equal(end(120), 150);
});

test("a run that went on has one line at that step, with what was changed", () => {
  globalThis.window = { matchMedia: () => ({ matches: false }) };
  globalThis.document = { body: { classList: { contains: () => false } }, documentElement: { dataset: {}, classList: { contains: () => false } } };
  const events = [
    { type: "learning_rate", step: 1, learning_rate: 0.003 },
    { type: "changed", step: 3, settings: { steps: [3000, 6000], learning_rate: [0.001, 0.01] }, rate: null },
    { type: "learning_rate", step: 3, learning_rate: 0.01 },
  ];
  const layout = { meta: META, shapes: [], annotations: [], margin: {}, xaxis: {}, yaxis: {} };
  const { shapes, annotations } = layoutOf(STEPS, recordOf(4, { events }), [], layout, 600);
  assert.deepEqual(shapes.map(({ x0 }) => x0), [1, 3]);
  assert.deepEqual(annotations.map(({ text }) => text), ["rate 0.003", "steps 3,000→6,000<br>learning rate 0.001→0.01"]);
  const inside = { ...layout, annotations: [{ x: 0, text: "loss of guessing 3.37" }], meta: { ...META, label_y: [3.37] } };
  const names = (width) => layoutOf(STEPS, recordOf(4), [], inside, width).annotations.length;
  assert.deepEqual([names(600), names(340)], [1, 0], "on a phone a name within the chart would lie over the curves");
});

test("the y range starts at the baselines, or lower once a run comes near them", () => {
  const low = (record, others = []) => ranges(STEPS, record, others, META).y[0];
  assert.equal(low(recordOf(3)), 1);
  assert.ok(low(recordOf(3, { best: 0.9 })) < 0.9);
  const better = recordOf(3);
  better.train.smooth.push(0.8);
  assert.ok(low(recordOf(3), [better]) < 0.8, "also of another run on the chart");
  assert.deepEqual(ranges({ ...STEPS, logY: true }, recordOf(3), [], META).y, [0, Math.log10(4.2)]);
});

test("the first leaping losses of a long run do not move the y axis", () => {
  const record = recordOf(3, { steps: 1000 });
  record.train.smooth.push(0.5);
  assert.equal(ranges(STEPS, record, [], META).y[0], 1);
});

test("each run of the list is drawn by its role, the run shown in front", () => {
  const runs = [
    { record: recordOf(5, { run: "local:old" }), role: "previous" },
    { record: recordOf(3, { events: [evaluation(0, 4.2)] }), role: "shown" },
  ];
  const traces = tracesOf(STEPS, runs, FIGURE);
  assert.deepEqual(
    traces.map(({ meta, x }) => [meta.run, meta.role, meta.curve, x.length]),
    [
      ["local:old", "previous", "smooth", 5],
      ["local:a", "shown", "raw", 3],
      ["local:a", "shown", "smooth", 3],
      ["local:a", "shown", "validation", 1],
    ],
  );
  assert.equal(traces[0].opacity, 0.4);
  assert.equal(traces[1].line.color, "#2f5fd0");
  assert.notEqual(traces[1].x, traces[2].x, "plotly appends to each trace's own points");
});

test("new points go to the traces of the run shown alone", () => {
  const runs = [
    { record: recordOf(5), role: "previous" },
    { record: recordOf(3), role: "shown" },
  ];
  const traces = tracesOf(STEPS, runs, FIGURE);
  const { x, y, indices } = extension(STEPS, recordOf(4), 3, [], traces);
  assert.deepEqual(indices, [1, 2]); // raw and smooth; no evaluation has come
  assert.deepEqual(x, [[4], [4]]);
  assert.equal(y.length, 2);
});

test("the CSV has a line for each step with a point, also for an evaluation before the first", () => {
  const record = recordOf(2, { events: [evaluation(0, 4.2), evaluation(2, 3.5)] });
  const each = record.tokens_per_step;
  assert.deepEqual(asCsv(record, [["text", "plays"], ["n_embd", 8]]).split("\n"), [
    "# text=plays n_embd=8",
    "step,tokens,seconds,training,smoothed,validation",
    "0,0,0,,,4.2",
    `1,${each},0.5,3.9,4,`,
    `2,${2 * each},1,3.8,3.9,3.5`,
    "",
  ]);
});

test("a step between two points counts as that of the later point", () => {
  assert.equal(secondsAt(recordOf(3), 1.5), 1);
  assert.equal(secondsAt(recordOf(3), 99), 1.5);
});

test("the best step is marked once the loss has risen from it", () => {
  const judged = (...losses) => ({ events: losses.map((loss, index) => evaluation(index, loss)) });
  assert.equal(risenFrom(judged()), null);
  assert.equal(risenFrom(judged(4, 2, 2.01)), null);
  assert.equal(risenFrom(judged(4, 2, 2.1)).step, 1);
});
