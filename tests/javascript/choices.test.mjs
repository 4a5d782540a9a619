// The samples of the diary, token by token.
import assert from "node:assert/strict";
import test from "node:test";
import { briefly } from "../../playground/components/basics/choices.js";

test("a brief sample has no empty lines, and nothing but text at its ends", () => {
  const text = "\n\nAb \n\n\nc\n ";
  const tokens = [...text].map((character) => [character, 0.5, []]);
  const brief = briefly(tokens).map((index) => tokens[index][0]).join("");
  assert.equal(brief, text.trim().replace(/\n{2,}/g, "\n"));
  assert.deepEqual(briefly([["\n", 1, []]]), []);
  assert.deepEqual(briefly([]), []);
});
