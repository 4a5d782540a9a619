// The pictures of two texts: which lines are drawn, and the sentences about beams.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import test from "node:test";
import { AttentionWeights, cells } from "../../playground/components/inside/attention_weights.js";
import { allInWords, rowInWords } from "../../playground/components/inside/heat_map_keys.js";
import { rowWords } from "../../playground/components/inside/attention_words.js";
import { beamsWords } from "../../playground/components/pairs/beams_picture.js";
import { fontFor, linesOf, strength } from "../../playground/components/pairs/lines.js";

const bytes = (numbers) => Buffer.from(numbers).toString("base64");
const ANSWER = {
  tokens: ["v", "i"], // two rows ask, three columns answer
  columns: ["f", "o", "u"],
  layers: 1,
  heads: 2,
  weights: bytes([255, 0, 0, 0, 128, 127, 10, 20, 225, 85, 85, 85]),
  masks: bytes([1, 1, 1, 1, 1, 1]),
};

test("a head of two texts has a row for each token that asks", () => {
  const head = new AttentionWeights(ANSWER).head(0, 1);
  assert.deepEqual([head.height, head.length], [2, 3]);
  assert.deepEqual(cells(head)[0], [0.039, 0.078, 0.882]);
});

test("rows are named by the text that asks, columns by the other", () => {
  assert.equal(rowInWords(["v", "i"], 1, [0, 0.6, 0.4], ["f", "o", "u"]), "“i” at 2: “o” 0.60, “u” 0.40, “f” 0.00");
  assert.equal(allInWords(["v", "i"], [[1, 0, 0], [0, 0.6, 0.4]], ["f", "o", "u"]), "v: f 1.00; i: o 0.60");
  assert.deepEqual(rowWords(["v", "i"], 0, [2], [0, 0, 0.9], ["f", "o", "u"])[1][0][0], " looks at “u” 0.90");
});

test("the strongest places of a row get lines, weak ones none", () => {
  const rows = [[0.5, 0.3, 0.13, 0.07], [0.25, 0.25, 0.25, 0.25], [0.1, 0.1, 0.1, 0.1]];
  assert.deepEqual(linesOf(3, (row) => rows[row]).map(([row, column]) => [row, column]), [
    [0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2],
  ]);
});

test("a line is stronger the more it weighs, and faint beside the row in focus", () => {
  assert.ok(strength(1, 0.9, null) > strength(1, 0.2, null));
  assert.ok(strength(1, 0.2, 1) > strength(2, 0.9, 1));
});

test("letters shrink with the text, within what can be read", () => {
  assert.equal(fontFor(10, 600), 16);
  assert.equal(fontFor(200, 600), 11);
  const size = fontFor(70, 600);
  assert.ok(size > 11 && size < 16 && size * 0.6 * 70 < 600);
});

test("the sentences on beams hold for every outcome", () => {
  const beams = [{ text: "ab", probability: 0.6 }, { text: "ac", probability: 0.2 }];
  const same = beamsWords({ beams, greedy: { text: "ab", probability: 0.6 } });
  assert.match(same, /These 2 have 80 %/);
  assert.match(same, /gives the first of them, too/);
  const other = beamsWords({ beams, greedy: { text: "ac", probability: 0.2 } });
  assert.match(other, /gives “ac”, with 20 %: less likely/);
  const missed = beamsWords({ beams, greedy: { text: "zz", probability: 0.7 } });
  assert.match(missed, /no less likely than the first, which the search missed/);
});
