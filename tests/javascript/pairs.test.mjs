// Models that rewrite lines: the marks of wrong characters, the diary's lines, the share as a number, the tabs.
import assert from "node:assert/strict";
import test from "node:test";
import { markedParts } from "../../playground/components/tab/marks.js";
import { linesOf, sampleAt, spread } from "../../playground/components/tab/pairs_diary.js";
import { allAsCsv, asCsv, pointsOf } from "../../playground/components/loss/points.js";
import { lossWords, rightAt } from "../../playground/components/loss/words.js";
import { learned } from "../../playground/components/tab/choice.js";
import { learnersOfPairs, ofPairs, pairsChosen, pairsShown } from "../../playground/components/page/chosen_pairs.js";
import { noteLines } from "../../playground/components/page/ladder.js";
import { share } from "../../playground/components/basics/wording.js";
import { COLUMNS, sorted } from "../../playground/components/runs/words.js";

const judged = (step, loss, exact) => ({ type: "evaluation", step, loss, seconds: step / 10, scores: { exact } });
const record = {
  tokens_per_step: 10,
  train: { step: [1], loss: [3], smooth: [3], seconds: [0.1] },
  events: [judged(0, 3.3, 0), judged(50, 0.4, 0.625), judged(100, 0.2, 0.91)],
};

test("what a shortest correction changes is marked, and nothing else", () => {
  assert.deepEqual(markedParts("abc", "abc"), [["abc", true]]);
  assert.deepEqual(markedParts("abxc", "abc"), [["ab", true], ["x", false], ["c", true]]);
  assert.deepEqual(markedParts("ac", "abc"), [["a", true], ["", false], ["c", true]]);
  assert.deepEqual(markedParts("", "ab"), [["", false]]);
  for (const [written, right] of [["vierundachtzig", "achtundvierzig"], ["405", "504"], ["a", ""]]) {
    const parts = markedParts(written, right);
    assert.equal(parts.map(([text]) => text).join(""), written); // nothing of the answer is lost
    const kept = parts.filter(([, good]) => good).map(([text]) => text).join("");
    let place = -1; // what is called right stands in the right answer, in its order
    for (const letter of kept) {
      place = right.indexOf(letter, place + 1);
      assert.ok(place >= 0, `${written} ${right}`);
    }
  }
});

test("a sample is read line by line, and a line without its three parts is left out", () => {
  const lines = linesOf("12\t21\t21\n345\t\t543\nbroken");
  assert.deepEqual(lines, [
    { source: "12", answer: "21", right: "21" },
    { source: "345", answer: "", right: "543" },
  ]);
});

test("the sample of a moment is the last by then", () => {
  const samples = [{ step: 0 }, { step: 50 }, { step: 100 }];
  assert.equal(sampleAt(samples, 99).step, 50);
  assert.equal(sampleAt(samples, null).step, 100);
  assert.deepEqual(spread([1, 2, 3], 5), [1, 2, 3]);
  assert.deepEqual(spread([...Array(31).keys()], 4), [0, 10, 20, 30]);
});

test("the large number of a run on pairs is the share right at the moment", () => {
  assert.equal(rightAt(record), 0.91);
  assert.equal(rightAt(record, 60), 0.625);
  const { number, words } = lossWords(record, 60);
  assert.equal(number, "62.5 %");
  assert.equal(words, "of held-out lines exactly right at step 50 · loss 0.40 nats");
  const text = { ...record, events: [{ type: "evaluation", step: 5, loss: 2, seconds: 1 }] };
  assert.equal(rightAt(text), null);
  assert.equal(lossWords(text, null).number, "2.00");
});

test("the shares are points of their own, and a column of the CSV file of pairs only", () => {
  const view = { axis: "step", logX: false, logY: false };
  assert.deepEqual(pointsOf(view, record, 0, record.events).exact, [[0, 50, 100], [0, 0.625, 0.91]]);
  assert.match(asCsv(record), /validation,exactly right\n/);
  assert.match(asCsv(record), /\n100,1000,10,,,0\.2,0\.91\n/);
  const plain = record.events.map(({ scores: _, ...event }) => event);
  assert.doesNotMatch(asCsv({ ...record, events: plain }), /right/);
});

test("the CSV file of several runs has the settings of each, and a run's name in each line", () => {
  const plain = { ...record, events: record.events.map(({ scores: _, ...event }) => event) };
  const text = { name: 'of "text", mine', record: plain, settings: [["Layers", "2"]] };
  text.settings.push(["Text", "mine,\r\n1,2,3"]); // a name with a line break makes no line of numbers
  const lines = allAsCsv([text, { name: "pairs", record, settings: [] }]).split("\n");
  assert.equal(lines[0], '# run=of "text", mine Layers=2 Text=mine, 1,2,3');
  assert.deepEqual(lines.slice(1, 3), ["# run=pairs", "run,step,tokens,seconds,training,smoothed,validation,exactly right"]);
  assert.ok(lines.includes('"of ""text"", mine",100,1000,10,,,0.2,'));
  assert.ok(lines.includes('"pairs",100,1000,10,,,0.2,0.91'));
});

test("a tab of pairs tells its share, of the chosen pairs only, and no loss beside the texts'", () => {
  const notes = [
    { loss: 1.5, text: "plays" },
    { loss: 0.2, right: 0.91, text: "sums" },
  ];
  assert.deepEqual(noteLines(notes, "plays", "sums"), ["1.50", "91 % right"]);
  assert.deepEqual(noteLines(notes, "plays", "number_words"), ["1.50", ""]);
  assert.deepEqual(noteLines(notes, "sums", "sums"), ["", "91 % right"]);
});

test("shares have a decimal where it says something", () => {
  assert.deepEqual([0, 0.001, 0.5, 0.9871, 1].map(share), ["0 %", "0.1 %", "50 %", "98.7 %", "100 %"]);
});

test("in the list of runs the losses of pairs are not sorted among those of texts", () => {
  const runs = [{ best: 1.5 }, { best: 0.1, right: 0.9 }, { best: 1.2 }];
  const column = COLUMNS.find(({ key }) => key === "best");
  assert.deepEqual(sorted(runs, "best", false).map(column.text), ["1.200", "1.500", "90 %"]);
});

test("a task of pairs learns from the chosen pairs, character by character; any other from the text", () => {
  globalThis.document = { body: { classList: { toggle() {} } } };
  learnersOfPairs(["encoder_decoder"], ["rewrite", "answer"]);
  pairsChosen("sums");
  const settings = [["n_embd"], ["task"], ["tokenizer"], ["vocab_size"]];
  const decoder = { key: "decoder_transformer", settings };
  const given = (task) => learned(decoder, "plays", "bpe:512", [8, task], 2);
  assert.deepEqual(given("continue"), ["plays", [8, "continue", "bpe", 512]]);
  assert.deepEqual(given("answer"), ["sums", [8, "answer", "characters", 1024]]);
  const other = { key: "encoder_decoder", settings }; // its text is a key of pairs already
  assert.deepEqual(learned(other, "own:1", "characters", [8, "rewrite"], 2)[0], "own:1");
  const pieces = { ...other, trained: { text: "sounds", values: [4, "rewrite", "bpe", 384] } };
  const cut = (pairs) => learned(pieces, pairs, "characters", [8, "rewrite"], 2)[1].slice(2);
  assert.deepEqual([cut("sounds"), cut("sums")], [["bpe", 384], ["characters", 1024]]); // as the run shown, of the same
  assert.equal(ofPairs([["steps"]], [9]), false); // a model without a choice of tasks
});

test("the menu of pairs shows what the browser keeps when a page opens", () => {
  assert.deepEqual(pairsShown("sums", ["number_words", "sums"], "own"), ["sums", "sums"]);
  assert.deepEqual(pairsShown("own:1", ["number_words", "sums"], "own"), ["own:1", "own"]);
});
