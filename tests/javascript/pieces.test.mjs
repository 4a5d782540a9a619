// Sentences about runs whose tokens are characters, and whose tokens are pieces of words.
import assert from "node:assert/strict";
import test from "node:test";
import { flatWords } from "../../playground/components/inside/next_picture.js";
import { estimateWords } from "../../playground/components/tab/status_words.js";
import { meanWords } from "../../playground/components/inside/surprise_picture.js";

test("the loss of knowing nothing is per character, whatever a token is", () => {
  assert.match(flatWords(65, 1), /1 in 65 costs ln 65 = 4\.17 nats: that is where the loss begins\.$/);
  const pieces = flatWords(1024, 2.34);
  assert.match(pieces, /1 in 1,024 costs ln 1,024 = 6\.93 nats for a piece of about 2\.3 characters/);
  assert.match(pieces, /so 2\.96 per character: that is about where the loss begins\. Shown: 100\.$/);
});

test("the mean of the bars is the loss of characters, and is divided for pieces", () => {
  const answer = { mean: 4.7, uniform: Math.log(1024), held_out: true, per_character: 2.01, characters_per_token: 2.34 };
  const [number, words] = meanWords(answer);
  assert.equal(number, "2.01");
  assert.match(words, /^ nats per character .* 4\.70 for a piece .* 6\.93 for a piece, about 2\.96 per character\.$/);
  const characters = meanWords({ ...answer, characters_per_token: 1, uniform: Math.log(65) });
  assert.equal(characters[0], "4.70");
  assert.match(characters[1], /the mean of these bars: the loss on .* would be 4\.17\.$/);
});

test("the estimate tells how much a context of pieces covers", () => {
  const told = estimateWords({ parameters: 1, steps: 2, seconds: 3, state: "settled", context: "64 tokens" });
  assert.equal(told.map(([text]) => text).join(""), "1 parameters\n2 steps ≈ 3 s here\nsees 64 tokens");
});
