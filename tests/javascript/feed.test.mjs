// The feed of a run, and the tab that shows it.
import assert from "node:assert/strict";
import test from "node:test";
import { Feed, feedOf } from "../../playground/components/tab/feed.js";
import { pace } from "../../playground/components/tab/polling.js";
import { choose as chooseTokens } from "../../playground/components/tab/choosing.js";
import { Tab, changeRate, live, tab } from "../../playground/components/tab/tab.js";
import { askToWrite } from "../../playground/components/tab/writing.js";
import { answerOf, evaluation } from "./records.mjs";

const node = () => ({ isConnected: true });

function listen(to) {
  const heard = [];
  to.subscribe((record, change) => heard.push({ run: record.run, ...change, events: [...change.events] }), node());
  return heard;
}

test("answers are appended, and listeners hear where the new points begin", () => {
  const feed = new Feed("local:a");
  const heard = listen(feed);
  feed.accept(answerOf(0, 3, { events: [evaluation(0, 4.2)] }));
  feed.accept({ ...answerOf(3, 5), from_events: 1 });
  assert.deepEqual(feed.record.train.step, [1, 2, 3, 4, 5]);
  assert.equal(feed.record.events.length, 1);
  assert.deepEqual(
    heard.map(({ reset, from, events }) => [reset, from, events.length]),
    [
      [true, 0, 0],
      [false, 0, 1],
      [false, 3, 0],
    ],
  );
});

test("an answer that does not begin where the record ends empties it, to be asked for anew", () => {
  const feed = new Feed("local:a");
  feed.accept(answerOf(0, 5));
  const heard = listen(feed);
  feed.accept(answerOf(2, 4)); // the run was rewound: two points too far back
  assert.deepEqual(feed.record.train, { step: [], loss: [], smooth: [], seconds: [] });
  assert.equal(heard.at(-1).reset, true);
  assert.equal(feed.settled, false);
  feed.accept(answerOf(0, 4));
  assert.deepEqual(feed.record.train.step, [1, 2, 3, 4]);
});

test("a run that the server does not know keeps its points and says why", () => {
  const feed = new Feed("local:a");
  feed.accept(answerOf(0, 5));
  feed.accept({ run: "local:a", status: "unknown", reason: "It was deleted." });
  assert.equal(feed.record.train.step.length, 5);
  assert.equal(feed.record.reason, "It was deleted.");
  assert.equal(feed.settled, true);
});

test("a run that has ended is settled once an answer brings no more of it", () => {
  const feed = new Feed("local:a");
  feed.accept(answerOf(0, 10, { status: "finished" }));
  assert.equal(feed.settled, false);
  feed.accept(answerOf(10, 10, { status: "finished" }));
  assert.equal(feed.settled, true);
  feed.expect(() => false); // something was clicked: it may go on
  assert.equal(feed.settled, false);
});

test("a listener that fails silences no other, and one whose node is gone is forgotten", (context) => {
  const complaint = context.mock.method(console, "error", () => {});
  const feed = new Feed("local:a");
  let calls = 0;
  feed.listeners.add(() => {
    throw new Error("broken");
  }, node());
  const leaving = node();
  feed.subscribe(() => calls++, leaving);
  feed.publishState();
  leaving.isConnected = false;
  feed.publishState();
  assert.equal(calls, 2); // on subscribing, and on the first news
  assert.equal(complaint.mock.callCount(), 2);
});

test("tabs that show the same run share its feed, which is forgotten with the last of them", () => {
  const [first, second] = [new Tab(), new Tab()];
  first.show("local:shared", node());
  second.show("local:shared", node());
  assert.equal(first.feed, second.feed);
  const { feed } = first;
  first.show("local:other", node());
  assert.equal(feedOf("local:shared"), feed);
  second.show(null, node());
  assert.notEqual(feedOf("local:shared"), feed);
});

test("following another run starts anew, at the newest step, and keeps the run before", () => {
  const one = new Tab();
  const heard = listen(one);
  one.show("local:a", node());
  one.feed.accept(answerOf(0, 3));
  one.showStep(2);
  const { record } = one;
  one.show("local:b", node());
  assert.equal(one.previous, record);
  assert.equal(one.step, null);
  assert.deepEqual(heard.at(-1), { run: "local:b", reset: true, from: 0, events: [] });
  one.show("local:c", node()); // b had learned nothing: a stays the run before
  assert.equal(one.previous, record);
});

test("news of a run that a tab has left do not reach it", () => {
  const one = new Tab();
  one.show("local:a", node());
  const left = one.feed;
  one.show("local:b", node());
  const heard = listen(one);
  left.accept(answerOf(0, 3));
  assert.equal(heard.length, 1); // on subscribing
});

test("all parts of a tab share the step shown, and Write is asked for it and the run shown", () => {
  const seen = [];
  const toy = tab("toy");
  toy.show("local:a", node());
  toy.onStep((step) => seen.push(step), node());
  const [asked, ...rest] = askToWrite("toy", [null, "ROMEO:", 0.8]);
  assert.deepEqual([asked.run, asked.step, ...rest], ["local:a", null, "ROMEO:", 0.8]);
  toy.showStep(40);
  const [next] = askToWrite("toy", [null, "ROMEO:"]);
  assert.equal(next.step, 40);
  assert.equal(next.pane, asked.pane);
  assert.ok(next.number > asked.number, "the server ends the writing of those before");
  assert.equal(toy.asked, next);
  assert.notEqual(askToWrite("other", [null, "x"])[0].pane, next.pane);
  assert.deepEqual(seen, [40]);
});

test("only settings that differ from the run's are told, whatever events there were", async () => {
  const one = tab("told");
  one.settings = [
    ["n_embd", "Embedding size"],
    ["learning_rate", "Learning rate"],
    ["bias", "Biases"],
    ["tokenizer", "Tokens"],
    ["vocab_size", "Vocabulary"],
  ];
  const choose = (text, values, tokens = "characters") => chooseTokens("told", [text, tokens, ...values], 3);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 100));
  const trained = { text: "plays", values: [64, 0.001, true, "characters", 1024] };
  one.show("local:a", node(), trained);
  await settled();
  assert.deepEqual(one.differing, []); // nothing is chosen yet
  const heard = listen(one);
  choose("plays", [64.0, "0.001", true]); // a rate that was typed comes as text
  await settled();
  assert.equal(heard.length, 1, "nothing changed: nothing is told but on subscribing");
  choose("own:1", [128, 0.001, false]);
  await settled();
  assert.deepEqual(one.differing, ["text", "Embedding size", "Biases"]);
  choose("plays", [null, 0.001, true]);
  await settled();
  assert.deepEqual(one.differing, ["Embedding size"]);
  choose("plays", [64, 0.001, true], "bpe:512"); // of the header, for all tabs
  await settled();
  assert.deepEqual(one.differing, ["Tokens"]);
  choose("plays", [64, 0.0003, true]);
  await settled();
  assert.deepEqual(one.differing, ["Learning rate"]);
  one.feed.accept(answerOf(0, 3, { events: [{ type: "learning_rate", step: 2, learning_rate: 0.0003 }] }));
  await settled();
  assert.equal(one.stale, false, "the run has that rate now");
  changeRate("told", [null, "0.01"]);
  choose("plays", [64, "0.01", true]);
  await settled();
  assert.equal(one.stale, false, "it was just given that rate");
  choose("plays", [64, 0.0003, true]);
  one.show("local:b", node(), { ...trained, text: "own:1" }); // of another text
  await settled();
  assert.deepEqual(one.differing, ["text", "Learning rate"]);
  one.show("local:c", node()); // one that cannot be read
  await settled();
  assert.equal(one.stale, false);
});

test("the notice of a refusal goes when the settings are others, not when they are told again", async () => {
  const one = tab("refused");
  one.settings = [["n_embd", "Embedding size"], ["tokenizer", "Tokens"], ["vocab_size", "Vocabulary"]];
  const choose = async (width) => (await chooseTokens("refused", ["plays", "characters", width], 1))[1];
  one.refused = ["plays", 7, "characters", 1024];
  assert.equal(await choose(7), undefined);
  assert.equal((await choose(8)).visible, false);
  assert.equal(await choose(9), undefined, "it is gone already");
});

test("the notice that a run trains already goes when the run has ended, and not before", () => {
  const one = tab("training");
  let withdrawn = 0;
  one.withdraw = () => (withdrawn += 1);
  one.show("local:training", node());
  const hear = (from, to, status) => one.feed.accept(answerOf(from, to, { run: "local:training", status }));
  hear(0, 3, "stopped");
  one.refusedAt = { step: one.record.step, trains: false }; // Go on: another tab was quicker
  hear(3, 3, "stopped"); // an answer from before that
  hear(3, 4, "running");
  assert.equal(withdrawn, 0);
  hear(4, 5, "stopped");
  hear(5, 5, "stopped");
  assert.equal(withdrawn, 1);
  one.refusedAt = { step: one.record.step, trains: false };
  hear(5, 9, "finished"); // it was trained between two answers
  assert.equal(withdrawn, 2);
});

test("a run of another process is live, but not steered from here", () => {
  const one = tab("elsewhere");
  one.show("local:elsewhere", node());
  one.feed.accept(answerOf(0, 3, { run: "local:elsewhere", ours: false }));
  assert.equal(live("elsewhere"), false);
  one.feed.accept(answerOf(3, 4, { run: "local:elsewhere", ours: true }));
  assert.equal(live("elsewhere"), true);
});

test("a run is polled often after a click, less in the middle of a long run, least out of sight", () => {
  const feed = new Feed("local:a");
  const seen = { visible: true, misses: 0 };
  feed.accept(answerOf(0, 3));
  assert.equal(pace(feed, seen), 200);
  feed.record.seconds_left = 1000;
  feed.record.train.seconds.push(600);
  assert.equal(pace(feed, seen), 1000);
  assert.equal(pace(feed, { ...seen, misses: 1 }), 1000);
  assert.equal(pace(feed, { ...seen, visible: false }), 5000);
  feed.expect((record) => record.status === "paused");
  assert.equal(pace(feed, seen), 60);
  feed.record.status = "paused";
  assert.equal(pace(feed, seen), 1000);
});

test("a run far from its turn is asked about less often, and not eagerly", () => {
  // A class of thirty presses Train at once: 28 wait, and each asked 16 times a second.
  const feed = new Feed("local:a");
  const seen = { visible: true, misses: 0 };
  feed.expect((record) => record.train.step.length > 0);
  const paceAt = (place) => {
    feed.record.queue = place && { place, of: 28, seconds: null };
    return pace(feed, seen);
  };
  assert.deepEqual([null, 1, 2, 5, 28].map(paceAt), [60, 60, 200, 500, 1000]);
});
