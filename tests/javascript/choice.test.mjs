import assert from "node:assert/strict";
import { test } from "node:test";
import { differences } from "../../playground/components/tab/choice.js";

const SETTINGS = [["tokenizer", "Tokens"], ["vocab_size", "Vocabulary"], ["steps", "Steps"]];
const choice = (...values) => ({ text: "plays", values });

test("a vocabulary that characters do not use makes no difference", () => {
  const trained = choice("characters", 1024, 10);
  assert.deepEqual(differences(SETTINGS, choice("characters", 512, 10), trained), []);
  assert.deepEqual(differences(SETTINGS, choice("bpe", 512, 10), trained), ["Tokens", "Vocabulary"]);
  assert.deepEqual(differences(SETTINGS, choice("bpe", 512, 10), choice("bpe", 300, 10)), ["Vocabulary"]);
  assert.deepEqual(differences(SETTINGS, choice("characters", 512, "20"), trained), ["Steps"]);
});
