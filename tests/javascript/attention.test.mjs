// The weights and masks of an answer of `look`: the page draws the mask it is sent, whatever its form.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import test from "node:test";
import {
  AttentionWeights,
  cells,
  pixels,
  rowOf,
  strongest,
} from "../../playground/components/inside/attention_weights.js";
import { headWords, rowWords } from "../../playground/components/inside/attention_words.js";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");

// Two layers of two heads on three tokens. The first layer looks back over two positions (a window);
// the second layer may look anywhere, also ahead.
const WINDOW = [1, 0, 0, 1, 1, 0, 0, 1, 1];
const EVERYWHERE = Array(9).fill(1);
const ANSWER = {
  tokens: ["a", " ", "b"],
  layers: 2,
  heads: 2,
  masks: base64([...WINDOW, ...EVERYWHERE]),
  weights: base64(Array.from({ length: 36 }, (_, i) => 7 * i)),
};
const weights = new AttentionWeights(ANSWER);

test("each head has the weights of its own place and the mask of its layer", () => {
  const { weights: bytes, mask, length } = weights.head(1, 1);
  assert.deepEqual([...bytes], [27, 28, 29, 30, 31, 32, 33, 34, 35].map((i) => 7 * i));
  assert.deepEqual([...mask], EVERYWHERE);
  assert.deepEqual([...weights.head(0, 1).mask], WINDOW);
  assert.equal(length, 3);
});

test("masked cells are empty, also below the diagonal; open ones hold weights, also above it", () => {
  const isNull = (head) => cells(head).map((row) => row.map((cell) => (cell === null ? 0 : 1)));
  assert.deepEqual(isNull(weights.head(0, 0)).flat(), WINDOW);
  assert.deepEqual(isNull(weights.head(1, 0)).flat(), EVERYWHERE);
  assert.equal(cells(weights.head(0, 1))[0][0], 0.247); // 63 / 255
});

test("a pixel has the shade of its weight, or the colour of the mask", () => {
  const shades = Array.from({ length: 256 }, (_, i) => [i, 0, 0]);
  const bytes = pixels(weights.head(0, 0), shades, [1, 2, 3]);
  assert.equal(bytes.length, 4 * 9);
  assert.deepEqual([...bytes.slice(0, 8)], [0, 0, 0, 255, 1, 2, 3, 255]);
  assert.deepEqual([...bytes.slice(-4)], [56, 0, 0, 255]);
});

test("the strongest places of a row are never masked ones", () => {
  const head = weights.head(0, 0); // its weights grow to the right
  assert.deepEqual(strongest(head, 0, 3), [0]);
  assert.deepEqual(strongest(head, 2, 3), [2, 1]);
  assert.deepEqual(strongest(weights.head(1, 0), 0, 2), [2, 1]);
  assert.deepEqual(rowOf(head, 2), [null, 49 / 255, 56 / 255]);
});

test("a row in words shows white space and two decimals", () => {
  const head = weights.head(0, 0);
  assert.deepEqual(rowWords(ANSWER.tokens, 2, strongest(head, 2, 3), rowOf(head, 2)), [
    "“b” at 3",
    [[" looks at “b” 0.22, “␣” 0.19", null]],
  ]);
  const parts = [["looks at ", null], ["itself", "Its own position."]];
  assert.deepEqual(headWords(1, parts), ["Head 2", [[" ", null], ...parts]]);
});
