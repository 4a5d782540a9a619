// The attention weights and masks of an answer of `look`, as bytes: no drawing, only numbers.
//
// A layer has one mask, (T, S), and each of its heads has weights, (T, S), row after row: the byte at
// row * S + column says how much the token of the row attends to that of the column (255 is 1.0), and
// in the mask whether it may (1) or not (0). Where a text attends to itself, S is T.

/** The bytes that `text` holds in base64. */
export function unpack(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export class AttentionWeights {
  /** answer: {tokens, columns: if they are others, layers, heads, weights: base64 of (L, H, T, S), masks: (L, T, S)}. */
  constructor({ tokens, columns = tokens, layers, heads, weights, masks }) {
    this.height = tokens.length; // T
    this.length = columns.length; // S
    this.layers = layers;
    this.heads = heads;
    this.weights = unpack(weights);
    this.masks = unpack(masks);
  }

  /** The weights and the mask of one head, with S and T: {weights, mask, length, height}. */
  head(layer, head) {
    const size = this.length * this.height;
    const start = (layer * this.heads + head) * size;
    return {
      weights: this.weights.subarray(start, start + size),
      mask: this.masks.subarray(layer * size, (layer + 1) * size),
      length: this.length,
      height: this.height,
    };
  }
}

/** The weights of a row from 0 to 1, with null where the mask forbids. */
export function rowOf({ weights, mask, length }, row) {
  return Array.from({ length }, (_, column) => {
    const cell = row * length + column;
    return mask[cell] ? weights[cell] / 255 : null;
  });
}

/** The columns to which a row attends most, the first the strongest; never a masked one. */
export function strongest(head, row, count) {
  const weights = rowOf(head, row);
  const allowed = [...weights.keys()].filter((column) => weights[column] !== null);
  return allowed.sort((a, b) => weights[b] - weights[a]).slice(0, count);
}

/** The cells of a heatmap: rows of weights rounded to 0.001, null where the mask forbids. */
export function cells(head) {
  return Array.from({ length: head.height }, (_, row) =>
    rowOf(head, row).map((weight) => (weight === null ? null : Math.round(weight * 1000) / 1000)),
  );
}

/** RGBA bytes, a pixel for each cell. shades: 256 colours [r, g, b]; masked: the colour of masked cells. */
export function pixels({ weights, mask }, shades, masked) {
  const bytes = new Uint8ClampedArray(4 * weights.length);
  for (let cell = 0; cell < weights.length; cell += 1) {
    bytes.set([...(mask[cell] ? shades[weights[cell]] : masked), 255], 4 * cell);
  }
  return bytes;
}
