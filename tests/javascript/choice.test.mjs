import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, recipeOf, settingsTold, withTokens } from "../../playground/components/tab/choice.js";

const SETTINGS = [["tokenizer", "Tokens"], ["vocab_size", "Vocabulary"], ["steps", "Steps"]];
const choice = (...values) => ({ text: "plays", values });

test("a vocabulary that characters do not use makes no difference", () => {
  const trained = choice("characters", 1024, 10);
  assert.deepEqual(differences(SETTINGS, choice("characters", 512, 10), trained), []);
  assert.deepEqual(differences(SETTINGS, choice("bpe", 512, 10), trained), ["Tokens"]);
  assert.deepEqual(differences(SETTINGS, choice("bpe", 512, 10), choice("bpe", 300, 10)), ["Vocabulary"]);
  assert.deepEqual(differences(SETTINGS, choice("characters", 512, "20"), trained), ["Steps"]);
});

test("the tokens of the header stand at their place among the settings", () => {
  assert.deepEqual(withTokens(["a", 10], "bpe:512", 1), ["a", "bpe", 512, 10]);
  assert.deepEqual(withTokens(["a", 10], "characters", 1), ["a", "characters", 1024, 10]);
  assert.deepEqual(withTokens([10], null, 0), ["characters", 1024, 10]); // before the page knows them
});

test("the link's parameter tokens tells them, not the settings of a tab, and no recipe has its own", () => {
  const settings = [["tokenizer", "Tokens", "characters"], ["vocab_size", "Vocabulary", 1024], ["steps", "Steps", 10]];
  assert.deepEqual(settingsTold(settings, ["bpe", 512, 20]), { steps: 20 });
  assert.equal(recipeOf(settings, [["classic", ["characters", 1024, 10]]], ["bpe", 512, 10]), "classic");
});
