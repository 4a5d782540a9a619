// Who may look where, in numbers: the masks of lm/layers/masks.py once more, so that the picture follows the
// sliders without the server. tests/playground/test_mask_designer.py holds the two equal.
//
// c: the settings of a model by name; those that it does not have are missing.

const BYTES = 4; // of a number

/** Whether position t may look at position s in a layer with the pattern; full: in one that it leaves out. */
export function mayLook(c, t, s, full = false) {
  const pattern = full ? "full" : c.pattern;
  if (pattern === "prefix") return s <= t || s < c.prefix;
  if (c.causal_mask && s > t) return false;
  const apart = Math.abs(t - s);
  if (pattern === "window") return apart < c.window;
  if (pattern === "strided") return apart < c.stride || apart % c.stride === 0;
  if (pattern === "dilated") return apart % c.stride === 0 && apart < c.window * c.stride;
  if (pattern === "sinks") return s < c.sinks || apart < c.window;
  return true;
}

export const layersOf = (c) => c.n_layer ?? 1;

/** Whether a layer, counted from 0, attends to all, whatever the pattern. */
export const isFull = (c, layer) => c.pattern === "full" || (Boolean(c.alternate) && layer % 2 === 1);

/** The mask of the pattern's layers as side × side shares of what may be looked at; and the pairs that may. */
export function maskOf(c, side) {
  const T = c.context_length;
  const shares = new Float32Array(side * side);
  const sizes = new Float32Array(side * side);
  let pairs = 0;
  for (let t = 0; t < T; t += 1) {
    const row = Math.floor((t * side) / T) * side;
    for (let s = 0; s < T; s += 1) {
      const cell = row + Math.floor((s * side) / T);
      sizes[cell] += 1;
      if (!mayLook(c, t, s)) continue;
      shares[cell] += 1;
      pairs += 1;
    }
  }
  return { shares: shares.map((seen, cell) => seen / sizes[cell]), pairs };
}

/** Pairs of positions that full attention compares: half the square with a causal mask. */
export const fullPairs = ({ context_length: T, causal_mask: causal }) => (causal ? (T * (T + 1)) / 2 : T * T);

/** The context from which on the program computes a window in blocks. facts: {pays, least}, blocks and positions. */
export const blocksFrom = (c, { pays, least }) => Math.max(least, pays * c.window);

/** Whether the program computes a layer in blocks, and not all pairs with a mask. */
export const inBlocks = (c, facts) =>
  c.pattern === "window" && Boolean(c.causal_mask) && c.blocks && c.context_length >= blocksFrom(c, facts);

/** Operations of attention that the program computes in a forward pass over a window: scores, and their sums. */
export function flops(c, facts) {
  const T = c.context_length;
  const blocks = Math.ceil(T / c.window);
  let computed = 0;
  for (let layer = 0; layer < layersOf(c); layer += 1) {
    const local = inBlocks(c, facts) && !isFull(c, layer);
    computed += local ? blocks * c.window * 2 * c.window : T * T;
  }
  return 4 * c.n_embd * computed;
}

/** Whether a text is written with a cache that keeps the window alone. */
export const rolls = (c) =>
  ["window", "sinks"].includes(c.pattern) &&
  Boolean(c.causal_mask) &&
  !c.alternate &&
  !(c.know_positions && c.positions !== "rotary");

/** Bytes of keys and values that are kept to write with. */
export function cacheBytes(c, asFull = false) {
  const sinks = c.pattern === "sinks" ? c.sinks : 0;
  const places = !asFull && rolls(c) ? c.window + sinks : c.context_length;
  return layersOf(c) * 2 * c.n_embd * places * BYTES;
}

/** For each number of layers, from 1 to all: the positions whose tokens the last position knows of, a Uint8Array. */
export function reach(c) {
  const T = c.context_length;
  const known = new Uint8Array(T);
  known[T - 1] = 1;
  let news = [T - 1];
  const found = [];
  for (let layer = 0; layer < layersOf(c); layer += 1) {
    const full = isFull(c, layer);
    const next = [];
    for (const t of full ? [T - 1] : news) {
      for (let s = 0; s < T; s += 1) {
        if (known[s] || !mayLook(c, t, s, full)) continue;
        known[s] = 1;
        next.push(s);
      }
    }
    news = next;
    found.push(known.slice());
  }
  return found;
}
