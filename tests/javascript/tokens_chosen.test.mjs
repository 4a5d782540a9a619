// The tokens that the header chooses, in words and for those who listen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenTokens, cuttingWords, onTokens, tokensChosen, tokensLinked, tokensTitle } from "../../playground/components/page/chosen_tokens.js";

test("others hear of chosen tokens once, however often they are told", () => {
  const heard = [];
  onTokens((tokens) => heard.push(tokens), { isConnected: true });
  for (const tokens of ["characters", "bpe:512", "bpe:512"]) tokensChosen(tokens);
  assert.deepEqual(heard, ["characters", "bpe:512"]);
  assert.equal(chosenTokens(), "bpe:512");
  assert.equal(tokensLinked("bpe:512"), "bpe:512"); // no link, so what the browser remembers
});

test("tokens have a title, also those of a newer page", () => {
  const told = ["characters", "bpe:1024", "unigram:512", "words:5", "words"].map(tokensTitle);
  assert.deepEqual(told, ["characters", "BPE 1,024", "Unigram 512", "words 5", "words"]);
});

test("learning pieces is said while it lasts, and choosing characters or the panel of an own text says nothing", () => {
  assert.equal(cuttingWords("bpe", "65 characters"), "learning the pieces …");
  assert.equal(cuttingWords("bpe", "300 pieces", "tiny_shakespeare"), "learning the pieces …");
  assert.equal(cuttingWords("bpe", "300 pieces", "own"), "300 pieces");
  assert.equal(cuttingWords("characters", "65 characters"), "65 characters");
});
