import assert from "node:assert/strict";
import { test } from "node:test";
import { tooLarge } from "../../playground/components/page/own_text.js";

test("only files over the limit are too large, and the largest is named", () => {
  assert.equal(tooLarge([], 10), 0);
  assert.equal(tooLarge([{ size: 10 }], 10), 0);
  assert.equal(tooLarge([{ size: 3 }, { size: 12 }, { size: 11 }], 10), 12);
});
