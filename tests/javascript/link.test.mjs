import assert from "node:assert/strict";
import { test } from "node:test";
import { recipeOf, settingsTold } from "../../playground/components/tab/choice.js";
import { openable, parametersOf, placeOf, queryOf, tokensIn, unlessLong } from "../../playground/components/page/link.js";
import { nearest } from "../../playground/components/tab/link.js";
import { headsIn, headsTold } from "../../playground/components/inside/heads_off.js";
import { zoomOf, zoomTold } from "../../playground/components/loss/zoom.js";
import { orderOf, orderTold } from "../../playground/components/runs/list_link.js";
import { writesTold } from "../../playground/components/tab/writing.js";
import { Feed } from "../../playground/components/tab/feed.js";

const part = (place, told, names = Object.keys(told ?? {})) => ({ place, names, tell: () => told });
const told = (search, parts, place) => Object.fromEntries(queryOf(parametersOf(search), parts, place));

test("the address tells the open tab and what is not as usual on it", () => {
  const parts = [part(null, { text: null, present: 1 }), part("deep", { n: 3, step: 0, log: "" }), part("flat", { n: 5 })];
  assert.deepEqual(told("", parts, "deep"), { model: "deep", present: "1", n: "3", step: "0" });
  assert.deepEqual(told("", parts, "start"), { present: "1" });
  assert.deepEqual(told("", [], "runs"), { tab: "runs" });
});

test("parameters that nobody knows stay, and those of a tab that was left go", () => {
  const parts = [part("deep", { n: null, view: null })];
  assert.deepEqual(told("?model=deep&n=3&utm=1&show=chart", parts, "deep"), { model: "deep", utm: "1", show: "chart" });
  assert.deepEqual(told("?model=deep&n=3&utm=1", [part("deep", null, ["n"])], "start"), { utm: "1" });
});

test("what a part has not told yet stays as the link gave it", () => {
  assert.deepEqual(told("?model=deep&n=3", [part("deep", null, ["n"])], "deep"), { model: "deep", n: "3" });
  assert.deepEqual(told("?model=deep&axis=x", [part("start", { axis: null })], "deep"), { model: "deep", axis: "x" });
});

test("a link names its place; of a name that is given twice, the first counts", () => {
  assert.equal(placeOf(parametersOf("?model=deep&model=flat")), "deep");
  assert.equal(placeOf(parametersOf("?tab=runs")), "runs");
  assert.equal(placeOf(parametersOf("?tab=nowhere")), "start");
});

test("settings and the prompt are told where they differ, and a long prompt is not", () => {
  const settings = [["n", "N", 8], ["rate", "Rate", 0.001], ["flag", "Flag", true]];
  assert.deepEqual(settingsTold(settings, [8, "0.001", false]), { n: null, rate: null, flag: false });
  const usual = [["prompt", "ROMEO:"], ["seed", 1]];
  assert.deepEqual(writesTold(usual, ["a", 1]), { prompt: "a", sample_seed: null });
  assert.equal(unlessLong("x".repeat(3000), ""), null);
  assert.equal(unlessLong("\ud800", ""), "\ud800"); // half of a pair does no harm
});

test("a recipe is recognised whatever the seed", () => {
  const settings = [["n", "N", 8], ["seed", "Seed", 1]];
  const recipes = [["classic", [8, 1]], ["fast", [4, 1]]];
  assert.equal(recipeOf(settings, recipes, [4, 77]), "fast");
  assert.equal(recipeOf(settings, recipes, [5, 1]), null);
});

test("only runs that others can open are in a link", () => {
  assert.equal(openable(["shipped:a", "Jd8-unguessable", "local:b"]), "shipped:a,local:b");
  assert.deepEqual(tokensIn("shipped:a,x,,local:b/c"), ["shipped:a", "local:b/c"]);
});

test("the moment of a link is a snapshot that there is", () => {
  assert.equal(nearest([0, 100, 200], 120), 100);
  assert.equal(nearest([0, 100, 200], 999), null);
});

test("a run that another tab stops says so, and one that this page stops does not", () => {
  const state = (status) => ({ status, train: { step: [], loss: [], smooth: [], seconds: [] }, events: [], from: 0, from_events: 0 });
  const end = (act) => {
    const feed = new Feed("a");
    feed.accept(state("running"));
    act(feed);
    feed.accept(state("stopped"));
    return feed.record.endedElsewhere;
  };
  assert.equal(end(() => {}), true);
  assert.equal(end((feed) => (feed.ending = true)), false);
  assert.equal(end((feed) => (feed.heard = 0)), false); // nobody watched it
});

test("a zoom is told in the units of its axes, and taken back to the same place", () => {
  const view = { logX: true, logY: false };
  const ranges = { x: [1, 3], y: [1.42, 2.2] };
  assert.equal(zoomTold(ranges, view), "10,1000,1.42,2.2");
  assert.deepEqual(zoomOf("10,1000,1.42,2.2", view), ranges);
  const third = zoomTold({ x: [1 / 3, 1000 / 3], y: [1, 2] }, { logX: false, logY: true });
  const again = zoomOf(third, { logX: false, logY: true });
  assert.equal(zoomTold(again, { logX: false, logY: true }), third); // a link of a link is the same link
  for (const words of ["", "1,2,3", "1,2,3,x", "2,1,1,2", "0,10,1,2,3", "1,2,Infinity,3"]) assert.equal(zoomOf(words, view), null, words);
  assert.equal(zoomOf("0,10,1,2", view), null); // 0 has no place on a logarithmic axis
});

test("heads are counted from one in a link, and those that cannot be are left out", () => {
  const heads = [[0, 3], [2, 1], ["encoder", 0, 0]];
  assert.equal(headsTold(heads), "1.4,3.2,encoder.1.1");
  assert.deepEqual(headsIn("1.4,3.2,encoder.1.1"), heads);
  assert.deepEqual(headsIn("0.1,1,1.2.3.4,1.x,-1.2,1.100,1.1"), [[0, 0]]);
});

test("the order of the list is a column, or a column backwards", () => {
  assert.deepEqual(orderOf("-best"), { key: "best", down: true });
  assert.equal(orderTold(orderOf("parameters")), "parameters");
  assert.equal(orderTold(orderOf("-when")), null); // as usual
  assert.equal(orderOf("nothing"), null);
});
