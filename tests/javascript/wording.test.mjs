// The words of the page.
import assert from "node:assert/strict";
import test from "node:test";
import {
  doingWord,
  estimateWords,
  hintWords,
  statusWords,
  tipWords,
} from "../../playground/components/tab/status_words.js";
import { raceOf } from "../../playground/components/start/racing.js";
import { noteLines } from "../../playground/components/page/ladder.js";
import {
  decimalsOf,
  duration,
  percent,
  roughly,
  shown,
  surprise,
  whole,
} from "../../playground/components/basics/wording.js";
import { recordOf } from "./records.mjs";

const line = (changes) => statusWords(recordOf(3, changes)).map(([text]) => text).join("");

test("numbers, durations, probabilities and white space", () => {
  assert.equal(whole(12345.6), "12,346");
  assert.deepEqual(
    [0.2, 59.4, 60, 3599, 3600, 7380].map(duration),
    ["1 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 h 3 min"],
  );
  assert.deepEqual([2, 44, 89, 3100].map(roughly), ["10 s", "40 s", "1 min", "1 h"]);
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
  assert.equal(line({ status: "queued" }), "queued for a core");
  assert.equal(line({ status: "starting" }), "starting …");
  assert.equal(line({ status: "failed", reason: "out of memory" }), "failed: out of memory");
  assert.equal(line({ status: "unknown" }), "this run is no longer here: press Train");
  assert.equal(line({ status: null }), "loading …");
  assert.equal(line({ status: null, run: null }), "nothing trained yet: press Train");
});

test("those who wait see their place and a rough time, as far as they are known", () => {
  const queued = (queue) => line({ status: "queued", reason: null, queue });
  assert.equal(queued({ place: 2, of: 5, seconds: 130 }), "queued for a core: place 2 of 5, starts in about 2 min");
  assert.equal(queued({ place: 1, of: 1, seconds: null }), "queued for a core: place 1 of 1");
  assert.equal(line({ status: "queued", reason: "no processor" }), "queued for a core: no processor");
  raceOf({ running: true });
  assert.match(queued({ place: 4, of: 4, seconds: null }), /^queued for a core, behind the race on Start: place 4/);
  raceOf({ running: false });
  assert.match(queued({ place: 4, of: 4, seconds: null }), /^queued for a core: place 4/);
});

test("a run of another process says so", () => {
  assert.equal(line({ ours: false }), "step 3 of 10 · another process trains this run");
  assert.match(line({ ours: false, status: "paused" }), /another process trains this run$/);
  assert.doesNotMatch(line({ ours: false, status: "stopped" }), /another process/);
});

test("the hint tells a lost connection first, then settings that differ, and what to press", () => {
  const hint = (changes, differing, connected = true) =>
    hintWords(recordOf(3, changes), { connected, differing });
  const embedding = ["text", "Embedding size"];
  assert.equal(hint({}, []), "");
  assert.equal(
    hint({ status: "finished" }, embedding),
    "Differs from the run shown: text, embedding size. Press Train.",
  );
  assert.match(hint({ status: "paused" }, embedding), /Reset starts anew\.$/); // no Train now
  assert.match(hint({ ours: false }, embedding), /Press Train\.$/);
  assert.match(hint({}, ["a", "b", "c", "d", "e"]), / a, b, c, …\. /);
  assert.equal(hint({}, embedding, false), "connection lost, trying again");
});

test("Step says, before and after, that it begins a new run once the one shown has ended", () => {
  assert.match(tipWords(recordOf(3, { status: "paused" })).step, /^Make one step of this run/);
  for (const status of ["finished", "stopped", "failed", null]) {
    assert.match(tipWords(recordOf(3, { status })).step, /^Begin a new run/);
  }
  assert.match(tipWords(recordOf(3, { ours: false })).step, /^Begin a new run/); // another process has that one
  const hint = (steps, changes) =>
    hintWords(recordOf(steps, changes), { connected: true, differing: [], stepped: "local:a" });
  assert.match(hint(1, { status: "paused" }), /^Step began a new run/);
  assert.equal(hint(2, { status: "paused" }), "");
  assert.equal(hint(1, { status: "paused", run: "local:b" }), "");
});

test("the estimate is the sentence that forbids a run, or parameters, steps and time", () => {
  const told = (answer) => estimateWords(answer).map(([text]) => text).join("");
  const sized = { parameters: 1545, steps: 3000, seconds: null };
  assert.equal(told({ error: "Steps is empty." }), "Steps is empty.");
  assert.equal(told({ ...sized, state: "timing" }), "1,545 parameters\n3,000 steps · timing …");
  assert.match(told({ ...sized, state: "waiting" }), /timed when idle$/);
  assert.match(told({ ...sized, state: "impossible" }), /cannot be timed here$/);
  assert.match(told({ ...sized, seconds: 95, state: "busy" }), / ≈ 1 min 35 s if busy$/);
  assert.match(told({ ...sized, seconds: 95, state: "settled" }), / ≈ 1 min 35 s here$/);
});

test("while a run trains, the estimate says whether it is that run's", () => {
  const answer = { parameters: 1545, steps: 3000, seconds: 95, state: "settled" };
  const told = (beside) => estimateWords(answer, beside).map(([text]) => text).join("");
  assert.match(told("other"), /^Chosen: 1,545 parameters/);
  assert.match(told("same"), /^This run: 1,545 parameters/);
  assert.match(told(null), /^1,545 parameters/);
});

test("the note on a tab is the best loss of the chosen text, with the word for a live run", () => {
  const notes = [
    { doing: "training", loss: 1.556, text: "plays" },
    { doing: "", loss: 2.4, text: "plays" },
    { doing: "", loss: null, text: "plays" },
  ];
  assert.deepEqual(noteLines(notes, "plays"), ["training · 1.56", "2.40", ""]);
  assert.deepEqual(noteLines(notes, "own:1"), ["training", "", ""]);
  assert.deepEqual(noteLines(notes, null), ["training", "", ""]); // not known yet which is chosen
  assert.equal(doingWord({ status: "paused" }), "paused");
  assert.equal(doingWord({ status: "finished" }), "");
});

test("losses that differ are written so that they differ", () => {
  assert.equal(decimalsOf([1.52, 2.4, undefined]), 2);
  assert.equal(decimalsOf([1.5198, 1.5241]), 3);
  assert.equal(decimalsOf([1.5198, 1.5203]), 4);
  assert.equal(decimalsOf([1.5, 1.5]), 2);
  assert.equal(decimalsOf([1.50001, 1.50002]), 2); // four decimals are all that a loss has
  assert.equal(decimalsOf([0.0001, 0.0031]), 4); // and from 0, which a loss never reaches
  const notes = [1.5198, 1.5241].map((loss) => ({ loss, text: "plays" }));
  assert.deepEqual(noteLines(notes, "plays"), ["1.520", "1.524"]);
});
