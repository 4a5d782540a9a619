// Which parts a link shows, which arcs are drawn, and where names stand on the chart of the ladder.
import assert from "node:assert/strict";
import test from "node:test";
import { arcsOf } from "../../playground/components/inside/arcs.js";
import { partsAsked } from "../../playground/components/page/focus.js";
import { GuideRun, TRAINING, nothingYet } from "../../playground/components/tab/guide_run.js";
import { figureOf, spread } from "../../playground/components/start/ladder_figure.js";

test("a link asks for parts by name; unknown ones are left out, and none means all", () => {
  assert.deepEqual(partsAsked("?show=attention,chart"), ["chart", "attention"]);
  assert.deepEqual(partsAsked("?show=chart,rubbish"), ["chart"]);
  assert.equal(partsAsked("?show=rubbish"), null);
  assert.equal(partsAsked("?guide=mask&show=rubbish"), null);
  assert.deepEqual(partsAsked("?guide=mask&show=chart"), ["guide", "chart"]);
  assert.equal(partsAsked(""), null);
});

test("arcs go to the positions that a row takes most from, never to itself or a masked one", () => {
  assert.deepEqual(arcsOf(2, [0.5, 0.01, 0.29, null]), [[2, 0, 0.5]]);
  assert.deepEqual(arcsOf(2, [0.1, 0.6, 0.3]), [[2, 1, 0.6], [2, 0, 0.1]]);
  assert.deepEqual(arcsOf(null, [1]), []);
  assert.equal(arcsOf(20, Array(20).fill(0.05)).length, 8);
});

test("names that would overlap move up, and the lowest stays", () => {
  const places = spread([{ y: 1.5 }, { y: 1.52 }, { y: 2.5 }], 0.1).map(({ at }) => at);
  assert.deepEqual(places, [1.5, 1.6, 2.5]);
});

const THEME = { dark: false, ink: "#000", grid: "#ccc", card: "#fff", family: "sans-serif" };
const model = (key, losses, each) => ({
  key,
  title: key,
  hue: ["#111", "#222"],
  flops_per_step: each,
  curve: { step: [0, 10], seconds: [0, 1], flops: [0, 10 * each], loss: losses },
});
const LADDER = { models: [model("ngram", [4.2, 1.5], 0), model("a", [4.2, 2.5], 6)], lines: { pairs: 2.4 } };

test("the included runs are drawn by step, and by FLOPs without what has none", () => {
  assert.deepEqual(figureOf(LADDER, null, "step", THEME).data.map(({ x }) => x), [[0, 10], [0, 10]]);
  const [counted, network] = figureOf(LADDER, null, "step", THEME).data; // counting has no steps beside these
  assert.deepEqual([counted.y, counted.line.dash], [[1.5, 1.5], "dot"]);
  assert.deepEqual([network.y, network.line.dash], [[4.2, 2.5], "solid"]);
  assert.deepEqual(figureOf(LADDER, null, "seconds", THEME).data[0].y, [4.2, 1.5]);
  const flops = figureOf(LADDER, null, "FLOPs", THEME);
  assert.deepEqual(flops.data.map(({ name, x }) => [name, x]), [["a", [60]]]);
  assert.match(flops.summary, /a 2\.50/);
});

test("on a phone the names take less than half of the chart, and the cards tell the numbers", () => {
  const lines = { "knows nothing: 1 in 65": 4.17, "counted pairs": 2.48, "counted 5-grams": 1.56 };
  const models = [model("single head", [4.2, 2.17], 6), model("decoder", [4.2, 1.56], 6)];
  const { layout } = figureOf({ models, lines }, null, "step", { ...THEME, width: 330 });
  assert.ok(layout.margin.l + layout.margin.r < 165);
  const beside = layout.annotations.filter(({ x }) => x > 1);
  assert.deepEqual(beside.map(({ text }) => text).sort(), ["<b>decoder</b>", "<b>single head</b>", "counted 5-grams", "counted pairs", "knows nothing:<br>1 in 65"]);
  const places = beside.map(({ y }) => y).sort();
  assert.ok(places.every((y, index) => index === 0 || y - places[index - 1] > 0.1), "none lies over another");
  const [low, high] = layout.yaxis.range;
  const flat = figureOf({ models, lines }, null, "step", { ...THEME, height: 240 }).layout;
  const pixels = flat.annotations.filter(({ x }) => x > 1).map(({ y }) => (200 * y) / (high - low)).sort((a, b) => a - b);
  assert.ok(pixels.every((y, index) => index === 0 || y - pixels[index - 1] > 12), "nor on a flat chart");
  assert.equal(layout.annotations.length, beside.length, "none lies over the curves");
});

test("in a race only the race's own numbers are drawn", () => {
  const record = {
    train: { loss: [4.1], step: [1] },
    events: [{ type: "evaluation", step: 5, seconds: 2, loss: 3 }],
  };
  const { data } = figureOf(LADDER, new Map([["a", { record }]]), "seconds", THEME);
  assert.deepEqual(data.map(({ x, y }) => [x, y]), [[[0, 2], [4.1, 3]]]);
  assert.deepEqual(figureOf(LADDER, new Map(), "seconds", THEME).data, []);
});

const record = (status, more = {}) => ({ run: "one", status, events: [], train: { step: [] }, ...more });

test("of a run that waits or has no evaluation yet there is nothing to tell, and nothing to press", () => {
  const queue = { place: 2, of: 3, seconds: null };
  assert.equal(
    nothingYet(record("queued", { queue })),
    "The run waits for a core: place 2 of 3. It begins by itself: there is nothing to press.",
  );
  assert.equal(nothingYet(record("running")), TRAINING);
  assert.equal(nothingYet(record("stopped")), null);
  assert.equal(nothingYet(record("running", { events: [{ type: "evaluation", step: 5, loss: 3 }] })), null);
});

test("a step that is done again keeps the run that it began until that has an evaluation", () => {
  const own = new GuideRun();
  own.begin(0, "included");
  own.hear(record("finished", { run: "included" }));
  assert.equal(own.begun(0, record("queued", { run: "included" })), false);
  own.hear(record("queued"));
  assert.ok(own.begun(0, record("queued")));
  assert.equal(own.begun(1, record("queued")), false, "of another step");
  assert.equal(own.begun(0, record("queued", { run: "mine" })), false, "of the visitor");
  assert.equal(own.begun(0, record("stopped")), false);
});
