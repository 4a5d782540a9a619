// Pieces in words and parts, which of them a character belongs to, and where a pair is joined.
import assert from "node:assert/strict";
import test from "node:test";
import {
  beginning,
  changes,
  characters,
  overlapping,
  partsOf,
  pieceWords,
  placesOf,
  rowsFor,
  visible,
} from "../../playground/components/tokens/words.js";

test("white space, control characters and bytes of a character are made visible", () => {
  assert.equal(visible(" a\n\0\x1b"), "␣a↵␀␛");
  assert.deepEqual(partsOf(" the"), [["␣", "white"], ["the", ""]]);
  assert.deepEqual(partsOf(" <0xE2><0x80>"), [["␣", "white"], ["E2", "byte"], ["80", "byte"]]);
  assert.deepEqual(partsOf("\u200d"), [["U+200D", "byte"]]);
  assert.deepEqual(partsOf("<b>"), [["<b>", ""]]);
});

test("a piece tells its id, its length, its counts, and of which character it is a part", () => {
  const letters = characters("a🎭the");
  assert.deepEqual(pieceWords([300, "the", 2, 5, true, 1, 5437], letters), [
    "“the”",
    "id 300 · 3 characters · 5,437 times in the training text, 1 here",
  ]);
  assert.match(pieceWords([21, "6", 2, 3, true, 6, 0], letters)[1], /1 character · never in the training text, 6 here$/);
  const [bytes, words] = pieceWords([172, "<0xF0>", 1, 2, false, 1, 1], letters);
  assert.equal(bytes, "F0");
  assert.match(words, /^id 172 · part of “🎭”, whose bytes are cut apart · 1 time in/);
  assert.match(pieceWords([null, "🎭", 1, 2, true, 2, 0], letters)[1], /^has no token: .* 2 times here$/);
});

test("the pieces of a character are all that hold a part of it", () => {
  const pieces = [[0, "a", 0, 1], [1, "<0xF0>", 1, 2], [2, "<0x9F>", 1, 2], [3, "the", 2, 5]];
  assert.deepEqual(overlapping(pieces, 1, 2), [1, 2]);
  assert.deepEqual(overlapping(pieces, 3, 4), [3]);
  assert.deepEqual(overlapping(pieces, 5, 6), []);
});

test("a page sends the beginning of a text, in whole characters, and the length of all of it", () => {
  assert.deepEqual(beginning("a🎭b", 2), { text: "a🎭", length: 3 });
  assert.deepEqual(beginning("🎭".repeat(1000), 3), { text: "🎭🎭🎭", length: 1000 });
  assert.deepEqual(beginning("", 3), { text: "", length: 0 });
});

test("a pair is joined from left to right, and no token twice", () => {
  assert.deepEqual(placesOf(["a", "a", "a"], ["a", "a"]), [0]);
  assert.deepEqual(placesOf(["t", "h", "x", "t", "h"], ["t", "h"]), [0, 3]);
  assert.deepEqual(placesOf(["t"], ["t", "h"]), []);
  assert.deepEqual(placesOf(["t", "h"], null), []);
});

test("a count that changed is told; a pair that was not listed before is not", () => {
  const before = [["a", "b", 3, null], ["b", "c", 2, null]];
  assert.deepEqual(changes([["b", "c", 1, null], ["c", "d", 1, null]], before), [-1, 0]);
  assert.deepEqual(changes([["b", "c", 1, null]], null), [0]);
});

test("boxes of a row never overlap, and short ones stand on top", () => {
  const boxes = [[0, 1], [1, 2], [0, 2], [1, 3], [2, 3], [0, 3]];
  const rows = rowsFor(boxes);
  boxes.forEach(([start, end], one) =>
    boxes.forEach(([from, to], other) => {
      assert.ok(one === other || rows[one] !== rows[other] || end <= from || start >= to);
    }),
  );
  assert.deepEqual([rows[0], rows[1], rows[4]], [0, 0, 0]);
  assert.equal(rows[5], Math.max(...rows));
});
