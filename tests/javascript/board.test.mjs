import assert from "node:assert/strict";
import test from "node:test";
import { boardWords, entriesOf } from "../../playground/components/runs/board.js";

const entry = (name, best, text = "plays") => ({ name, best, text, text_title: `The ${text}` });

test("only runs on the chosen text stand in one list; the others are counted", () => {
  const all = [entry("Anne", 1.5), entry("Ben", 0.9, "letters"), entry("Cem", 1.6), entry("Dan", 1, "letters")];
  const { shown, others } = entriesOf(all, "plays");
  assert.deepEqual(shown.map(({ name }) => name), ["Anne", "Cem"]);
  assert.equal(
    boardWords(shown, others),
    "Anne leads by 0.10 nats per character. On other texts, which do not compare: The letters: 2.",
  );
});

test("nobody leads while the losses are equal, or there is one", () => {
  assert.equal(boardWords([entry("Anne", 1.5), entry("Ben", 1.5)], new Map()), "");
  assert.equal(boardWords([entry("Anne", 1.5), entry("Ben", null)], new Map()), "");
  assert.match(boardWords([entry("Anne", 1.5), entry("Ben", 1.5001)], new Map()), /leads by 0\.0001/);
  assert.match(boardWords([], new Map()), /^Nobody/);
});
