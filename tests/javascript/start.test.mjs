// The cards of the Start tab.
import assert from "node:assert/strict";
import test from "node:test";
import { ofAnotherText } from "../../playground/components/start/cards.js";

test("the cards name the text of their losses if another one is chosen", () => {
  const shown = { corpus: "tiny_shakespeare", text: "Tiny Shakespeare" };
  assert.equal(ofAnotherText(shown, "tiny_shakespeare"), "");
  assert.equal(ofAnotherText(shown, "own:0123"), "loss on Tiny Shakespeare");
  assert.equal(ofAnotherText(shown, null), "", "before the page knows");
  assert.equal(ofAnotherText({ corpus: "", text: "" }, "own:0123"), "", "there are no included runs");
});
