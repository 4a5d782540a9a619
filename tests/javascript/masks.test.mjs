// The mask designer: what it counts and what it says. Its masks are compared with those of lm in
// tests/playground/test_mask_designer.py.
import assert from "node:assert/strict";
import test from "node:test";
import { inBlocks, maskOf, reach, rolls } from "../../playground/components/masks/looks.js";
import { maskWords, reachWords, rows, savedWords, short } from "../../playground/components/masks/words.js";

const SIZES = { context_length: 64, n_embd: 128, n_layer: 3, causal_mask: true, know_positions: true, blocks: true };
const NUMBERS = { window: 16, stride: 4, sinks: 4, prefix: 16, alternate: false, positions: "learned" };
const of = (changed) => ({ ...SIZES, ...NUMBERS, pattern: "window", ...changed });
const FACTS = { pays: 8, least: 512, blocks: true, caches: true, rolls: true };
const known = (c) => reach(c).map((layer) => layer.reduce((sum, one) => sum + one, 0));

test("a picture of a long context counts all pairs, and a cell shows its share of them", () => {
  const whole = maskOf(of({ context_length: 64 }), 64);
  const small = maskOf(of({ context_length: 64 }), 8);
  assert.equal(small.pairs, whole.pairs);
  assert.ok(small.shares[0] > 0 && small.shares[0] < 1);
  assert.equal(small.shares[7], 0);
});

test("information travels a window further with each layer, and at once with a full one", () => {
  assert.deepEqual(known(of({})), [16, 31, 46]);
  assert.deepEqual(known(of({ alternate: true })), [16, 64, 64]);
  assert.equal(reachWords(of({}), [16, 31, 46]), "Of 64 positions, the last one knows of 16 after layer 1, 31 after layer 2, 46 after layer 3.");
  assert.match(reachWords(of({}), [16, 64, 64]), /knows of 16 after layer 1, all after layer 2\.$/);
  assert.equal(reachWords(of({}), [64, 64, 64]), "Of 64 positions, the last one knows of all after the first layer.");
});

test("it says truly what is saved: nothing below the context from which blocks pay", () => {
  assert.ok(!inBlocks(of({}), FACTS) && inBlocks(of({ context_length: 512 }), FACTS));
  assert.match(savedWords(of({}), FACTS), /masked; computing in blocks pays from a context of 512 on/);
  assert.match(savedWords(of({ context_length: 512 }), FACTS), /nothing else is computed: faster/);
  assert.match(savedWords(of({ pattern: "strided" }), FACTS), /saves no time/);
  assert.match(savedWords(of({ pattern: "sinks" }), FACTS), /With rotary positions, the cache would roll/);
  assert.ok(rolls(of({ positions: "rotary" })) && !rolls(of({ positions: "rotary", alternate: true })));
  assert.equal(savedWords(of({ pattern: "full" }), FACTS), "");
});

test("the table has the pattern beside full attention; no cache without one", () => {
  const c = of({ positions: "rotary" });
  assert.deepEqual(rows(c, 904, FACTS), [
    ["Pairs", "2,712", "6,240"],
    ["FLOPs", "6.3 M", "6.3 M"],
    ["Cache", "48 KB", "192 KB"],
  ]);
  assert.equal(rows(c, 904, { ...FACTS, caches: false }).length, 2);
  assert.match(maskWords(c, 904), /43 % of the pairs of full attention\.$/);
  assert.match(maskWords(of({ pattern: "full" }), 2080), /itself and all before it\.$/);
  assert.match(maskWords(of({ pattern: "full", causal_mask: false }), 4096), /itself and all others\.$/);
  assert.equal(short(4096 * 4096 * 512), "8.6 G");
});
