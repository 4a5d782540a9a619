// The words of the page.
import assert from "node:assert/strict";
import test from "node:test";
import { hintWords, ladderNote, statusWords } from "../../playground/components/status_words.js";
import { duration, percent, shown, surprise, whole } from "../../playground/components/wording.js";
import { recordOf } from "./records.mjs";

const line = (changes) => statusWords(recordOf(3, changes)).map(([text]) => text).join("");

test("numbers, durations, probabilities and white space", () => {
  assert.equal(whole(12345.6), "12,346");
  assert.deepEqual(
    [0.2, 59.4, 60, 3599, 3600, 7380].map(duration),
    ["1 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 h 3 min"],
  );
  assert.deepEqual([0.034, 0.1, 1].map(percent), ["3.4 %", "10 %", "100 %"]);
  assert.equal(shown(" a\n\t\r"), "␣a↵⇥␍");
});

test("a surprise is told with its probability; the first token has none", () => {
  assert.equal(surprise(Math.log(2)), "surprise 0.69 nats, probability 50.0 %");
  assert.match(surprise(9), /under 0\.1 %$/);
  assert.match(surprise(null), /^the first token/);
});

test("every status has its line", () => {
  assert.equal(line({}), "step 3 of 10");
  assert.equal(
    line({ tokens_per_second: 5120, seconds_left: 61 }),
    "step 3 of 10 · 5,120 tokens/s · 1 min 1 s left",
  );
  assert.equal(line({ status: "paused" }), "paused at step 3 of 10");
  assert.equal(line({ status: "stopped" }), "stopped at step 3 of 10");
  assert.equal(line({ status: "finished" }), "finished: 3 steps");
  assert.equal(line({ status: "queued" }), "queued: starts when a place is free");
  assert.equal(line({ status: "starting" }), "starting …");
  assert.equal(line({ status: "failed", reason: "out of memory" }), "failed: out of memory");
  assert.equal(line({ status: "unknown" }), "this run is no longer here: press Train");
  assert.equal(line({ status: null }), "loading …");
  assert.equal(line({ status: null, run: null }), "nothing trained yet: press Train");
});

test("the hint tells a lost connection first, then settings that differ, and what to press", () => {
  const hint = (status, state) => hintWords(recordOf(3, { status }), { connected: true, ...state });
  assert.equal(hint("running", { stale: false }), "");
  assert.equal(hint("finished", { stale: true }), "These settings differ from the run shown. Press Train.");
  assert.match(hint("paused", { stale: true }), /Reset starts a run with these\.$/); // no Train now
  assert.equal(hint("running", { stale: true, connected: false }), "connection lost, trying again");
});

test("the note on a tab is the best loss, with the status of a live run", () => {
  assert.equal(ladderNote(recordOf(3, { best: 1.556 })), "training · 1.56");
  assert.equal(ladderNote(recordOf(3, { status: "finished", best: 1.556 })), "1.56");
  assert.equal(ladderNote(recordOf(3, { status: "paused" })), "paused");
});
