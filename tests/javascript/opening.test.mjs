import assert from "node:assert/strict";
import { test } from "node:test";
import { opened, opening, remembered } from "../../playground/components/page/opening.js";

const included = [
  ["bigram", "shipped:bigram"],
  ["deep", "shipped:deep"],
  ["toy", null],
];

test("only runs that the page does not show already are asked for", () => {
  assert.deepEqual(remembered(included, [null, "", null]), {});
  assert.deepEqual(remembered(included, ["shipped:bigram", "own", null]), { deep: "own" });
  assert.deepEqual(remembered(included, ["gone", null, "a"]), { bigram: "gone", toy: "a" });
});

test("a tab of the browser goes on with its own runs, not with the last ones of another tab", () => {
  assert.deepEqual(remembered(included, [null, "other", null], { deep: "mine" }), { deep: "mine" });
  // Also with the included run: the state that Gradio keeps must name it.
  const back = { deep: "shipped:deep" };
  assert.deepEqual(remembered(included, [null, "other", null], back), back);
  assert.deepEqual(remembered(included, [null, "shipped:deep", null], back), {});
});

test("the server is asked once, only for a remembered run or a link", async () => {
  const asked = [];
  const restore = async (...data) => {
    asked.push(data);
    return { 0: "first", 3: null };
  };
  // The event may come before the component is there.
  globalThis.location = { search: "" };
  const early = opened(["text", null, null, null]);
  opening(null, { included, outputs: 4 }, null, { restore });
  assert.deepEqual(await early, []);
  assert.deepEqual(asked, []);

  assert.deepEqual(await opened(["text", null, "own", null]), ["first", undefined, undefined, null]);
  globalThis.location = { search: "?model=deep&steps=2" };
  await opened(["text", null, null, null]);
  assert.deepEqual(asked, [
    ["text", [], { deep: "own" }, false],
    ["text", [["model", "deep"], ["steps", "2"]], {}, false],
  ]);
});
