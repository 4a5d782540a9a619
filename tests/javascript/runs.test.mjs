// The list, the curves and the ticks of the Runs tab.
import assert from "node:assert/strict";
import test from "node:test";
import { arranged, lastShown, placeOf, rangesOf, strideOf, trainingOf, validationOf, xTicks } from "../../playground/components/runs/curves.js";
import { curveOf, grow, isSeen } from "../../playground/components/runs/growing.js";
import { Together } from "../../playground/components/runs/polling.js";
import { settingsOf } from "../../playground/components/runs/settings.js";
import { MOST, Ticks, dashOf } from "../../playground/components/runs/ticks.js";
import { zipSent } from "../../playground/components/exchange/import_panel.js";
import { briefName, filtered, labelAmong, labelOf, short, sorted, statusOf, unitOf } from "../../playground/components/runs/words.js";
import { evaluation, recordOf } from "./records.mjs";

const STEPS = { axis: "step", logX: false, logY: false };
const SIZE = { tokens_per_step: 64, parameters: 100 };
const run = (changes) => ({ name: "", what: [], recipe: null, model: "a", model_title: "A", ...changes });

test("each axis has its own unit, and FLOPs are six for each parameter and token", () => {
  assert.equal(placeOf("step", SIZE, 10, 3), 10);
  assert.equal(placeOf("tokens", SIZE, 10, 3), 640);
  assert.equal(placeOf("seconds", SIZE, 10, 3), 3);
  assert.equal(placeOf("FLOPs", SIZE, 10, 3), 6 * 100 * 640);
});

test("a training curve is thinned to a few hundred points, the same ones as it grows", () => {
  assert.deepEqual([1, 300, 599, 600, 4000].map(strideOf), [1, 1, 1, 2, 8]);
  const record = recordOf(10);
  const whole = trainingOf(STEPS, record, SIZE, 2);
  const grown = [trainingOf(STEPS, recordOf(5), SIZE, 2), trainingOf(STEPS, record, SIZE, 2, 5)];
  assert.deepEqual(whole.x, [1, 3, 5, 7, 9]);
  assert.deepEqual(grown.flatMap(({ x }) => x), whole.x);
});

test("the evaluation before the first step has no place on a logarithmic axis", () => {
  const record = recordOf(4, { events: [evaluation(0, 4.2), { type: "sample", step: 1 }, evaluation(2, 3.9)] });
  assert.deepEqual(validationOf(STEPS, record, SIZE), { x: [0, 2], y: [4.2, 3.9] });
  assert.deepEqual(validationOf({ ...STEPS, logX: true }, record, SIZE).x, [2]);
  assert.deepEqual(validationOf(STEPS, record, SIZE, 1).x, [2]);
});

test("a curve that grows has the points that it has when it is drawn anew", () => {
  const view = { ...STEPS, training: true };
  const events = (n) => [evaluation(0, 4.2), ...(n > 6 ? [evaluation(6, 3.5)] : [])];
  const curve = curveOf(view, "a", recordOf(5, { status: "running", events: events(5) }), SIZE);
  const news = grow(view, curve, recordOf(9, { status: "running", events: events(9) }), SIZE);
  assert.deepEqual(news.training.x, [6, 7, 8, 9]);
  assert.deepEqual(curve, curveOf(view, "a", recordOf(9, { status: "running", events: events(9) }), SIZE));
  assert.equal(grow(view, curve, recordOf(4), SIZE), null); // rewound
});

test("news are drawn once one would see them", () => {
  const view = { ...STEPS, training: true };
  const plot = (most) => ({ layout: { xaxis: { range: [0, most] }, yaxis: { range: [0, 1000] } }, clientWidth: 500, clientHeight: 300 });
  const live = (n, more = {}) => recordOf(n, { status: "running", steps: 1e5, ...more });
  const curve = curveOf(view, "a", live(100), SIZE);
  assert.equal(isSeen(view, curve, live(110), SIZE, plot(1e5)), false); // a twentieth of a pixel
  assert.equal(isSeen(view, curve, live(110), SIZE, plot(1000)), true); // five pixels
  assert.equal(isSeen(view, curve, live(110, { events: [evaluation(110, 2)] }), SIZE, plot(1e5)), true);
  assert.equal(isSeen(view, curve, recordOf(101, { status: "finished" }), SIZE, plot(1e5)), true);
  assert.equal(isSeen(view, curveOf(view, "a", live(0), SIZE), live(1), SIZE, plot(1e5)), true); // the first point
});

test("the axes hold all runs to their ends, but not the steep beginning", () => {
  const none = { x: [], y: [] };
  const curve = (x, y) => ({ validation: { x, y }, training: none, end: x.at(-1) });
  const { x, y } = rangesOf(STEPS, [curve([0, 50, 100], [4.2, 2.5, 2.0]), curve([0, 100, 300], [4.2, 2.1, 1.5])]);
  assert.deepEqual(x, [0, 300]);
  assert.ok(y[0] < 1.5 && y[1] > 2.5 && y[1] < 3);
  const live = { ...curve([0, 10], [4.2, 3]), end: 1000 };
  assert.deepEqual(rangesOf(STEPS, [live]).x, [0, 1000]);
  assert.ok(rangesOf({ ...STEPS, logX: true, logY: true }, [curve([1, 100], [4, 2])]).x.every(Number.isFinite));
  assert.deepEqual(rangesOf(STEPS, []).x, [0, 1]);
});

test("the steps of a long run are short on the axis, and few where it is narrow", () => {
  assert.deepEqual(xTicks(STEPS, 3000, false), { nticks: 8, exponentformat: "none" });
  assert.deepEqual(xTicks(STEPS, 1e6, true), { nticks: 5, exponentformat: "SI", tickangle: 0 });
  assert.equal(xTicks({ ...STEPS, axis: "tokens" }, 100, false).exponentformat, "SI");
  assert.deepEqual(xTicks({ ...STEPS, logX: true }, Math.log10(1e6), false), { dtick: 1, exponentformat: "power" });
});

test("labels stand in the order of their lines, never overlap, and stay inside where they fit", () => {
  for (const wanted of [[10, 10, 10, 10], [0, 100, 101, 102, 200], [200, 199, 198], [-50, 500], []]) {
    const at = arranged(wanted, 17, 200);
    const order = [...wanted.keys()].sort((a, b) => wanted[a] - wanted[b]);
    order.slice(1).forEach((index, i) => assert.ok(at[index] - at[order[i]] >= 17 - 1e-9, `${wanted}`));
    assert.ok(at.every((one) => one >= 0 && one <= 200), `${at}`);
  }
  assert.equal(arranged(Array(20).fill(0), 17, 100).length, 20);
});

test("a label stands at the last point that the axis shows", () => {
  const curve = { x: [0, 10, 20], y: [3, 2, 1] };
  assert.deepEqual(lastShown(curve, [0, 30]), [20, 1]);
  assert.deepEqual(lastShown(curve, [0, 15]), [10, 2]);
  assert.equal(lastShown(curve, [21, 30]), null);
  assert.equal(lastShown({ x: [], y: [] }, [0, 1]), null);
});

test("a run keeps its colour while others are ticked and unticked, and ten have one", () => {
  const ticks = new Ticks(false);
  for (const one of ["a", "b", "c"]) ticks.set(one, true);
  ticks.set("a", false);
  assert.deepEqual([...ticks.places], [["b", 1], ["c", 2]]);
  ticks.set("d", true);
  assert.equal(ticks.places.get("d"), 0);
  assert.equal(ticks.first, "b");
  ticks.drop(["d"]); // as when it has been deleted
  assert.deepEqual([...ticks.places], [["b", 1], ["c", 2]]);
  for (let i = 0; i < 20; i += 1) ticks.set(`more ${i}`, true);
  assert.equal(ticks.runs.length, MOST);
  assert.equal(ticks.set("one more", true), false);
  const looks = [...ticks.places.values()].map((place) => `${place % 5} ${dashOf(place)}`);
  assert.equal(new Set(looks).size, MOST);
});

test("a run that is no longer ticked is not lit", () => {
  const ticks = new Ticks(false);
  const heard = [];
  ticks.onLight((one) => heard.push(one));
  ticks.set("a", true);
  ticks.light("a");
  ticks.light("a");
  ticks.set("a", false);
  assert.deepEqual(heard, ["a", null]);
});

test("runs without a value come last, whichever way they are sorted", () => {
  const runs = [{ best: 2 }, { best: null }, { best: 1 }].map(run);
  assert.deepEqual(sorted(runs, "best", false).map(({ best }) => best), [1, 2, null]);
  assert.deepEqual(sorted(runs, "best", true).map(({ best }) => best), [2, 1, null]);
});

test("runs are filtered by model and by text", () => {
  const runs = [run({ text_id: "x" }), run({ model: "b", text_id: "x" }), run({ text_id: "y" })];
  assert.equal(filtered(runs, { model: "", text: "" }).length, 3);
  assert.equal(filtered(runs, { model: "a", text: "x" }).length, 1);
});

test("a run is called by its name, else by what differs; among other models by its own", () => {
  const decoder = { model: "d", model_title: "Decoder transformer" };
  assert.equal(labelOf(run({ name: "mine", what: ["layers 3→6"] })), "mine");
  assert.equal(labelOf(run({ what: ["layers 3→6", "seed 1→2"] })), "layers 3→6, seed 1→2");
  const [a, b, c] = [run({ what: ["classic"], recipe: "classic" }), run({ ...decoder, what: ["classic"], recipe: "classic" }), run({ ...decoder, what: ["layers 3→6"] })];
  assert.equal(labelAmong(a, [a]), "classic");
  assert.equal(labelAmong(b, [a, b]), "decoder");
  assert.equal(labelAmong(b, [a, b, c]), "decoder · classic");
});

test("a sentence names a run in one line, however much differs", () => {
  const what = ["embedding size 128→8", "attention heads 4→2", "context length 64→16", "layers 3→2"];
  const told = briefName(run({ what }));
  assert.ok(told.length <= 60 && told.startsWith("A, embedding size 128→8, ") && told.endsWith("…"), told);
  assert.equal(briefName(run({ name: "mine", what })), "A, mine");
});

test("a run has its own settings also when one that was ticked before it is gone", () => {
  const rows = [{ title: "Layers", values: ["6", null] }, { title: "Text", values: ["plays", "plays"] }];
  const answer = { runs: ["a", "c"], rows };
  assert.deepEqual(["a", "b", "c"].map((token) => settingsOf(answer, token)), [
    [["Layers", "6"], ["Text", "plays"]],
    [],
    [["Text", "plays"]],
  ]);
});

test("the chart names the unit of its losses, and says where two units stand on it", () => {
  const [text, pairs] = [{ unit: "nats per character" }, { unit: "nats per character of the answers" }];
  assert.equal(unitOf([text, text]), "validation, nats per character");
  assert.equal(unitOf([pairs]), "validation, nats per character of the answers");
  assert.match(unitOf([text, pairs]), /do not compare$/);
  assert.equal(unitOf([]), "validation, nats per character");
});

test("counts have three digits, and a live run says how far it is", () => {
  assert.deepEqual([999, 61_889, 618_817, 2_680_000].map(short), ["999", "61.9 k", "619 k", "2.68 M"]);
  assert.equal(statusOf({ status: "running", step: 50, steps: 200 }), "training, 25 %");
  assert.equal(statusOf({ status: "stopped", step: 50, steps: 200 }), "stopped at 50 of 200");
});

test("polls of many runs go to the server with one call, and each gets its answer", async () => {
  const calls = [];
  const together = new Together({ poll: async (asked) => calls.push(asked) && asked.map(([one]) => ({ run: one })) });
  const answers = await Promise.all([together.poll("a", 0, 0), together.poll("b", 3, 1)]);
  assert.deepEqual(answers, [{ run: "a" }, { run: "b" }]);
  assert.deepEqual(calls, [[["a", 0, 0], ["b", 3, 1]]]);
  const failing = new Together({ poll: async () => null });
  assert.equal(await failing.poll("a", 0, 0), null);
});

test("a file that a proxy refuses is too large for it; the server's own refusals keep their words", async () => {
  const file = { name: "big.zip", size: 30_000_000 };
  const answered = async (status, body) => {
    globalThis.window = { fetch: async () => new globalThis.Response(body, { status }) };
    return (await zipSent(file)).error;
  };
  try {
    assert.match(await answered(413, "<html>nginx</html>"), /^big\.zip has 30\.0 MB, and a proxy/);
    assert.equal(await answered(413, '{"detail": "This request is too large."}'), "This request is too large.");
    assert.equal(await answered(200, '{"error": "This is no zip file."}'), "This is no zip file.");
    assert.match(await answered(502, "<html>Bad gateway</html>"), /does not answer/);
  } finally {
    delete globalThis.window;
  }
});
