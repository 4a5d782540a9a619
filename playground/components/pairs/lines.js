// The lines between two texts: which to draw, and where. No page, only numbers.

export const LEAST = 0.12; // weight that is worth a line
const MOST = 3; // lines of a position

/** The lines of the rows: [row, column, weight], those of the strongest columns. weightsOf(row): 0 to 1 each. */
export function linesOf(rows, weightsOf) {
  const lines = [];
  for (let row = 0; row < rows; row += 1) {
    const weights = weightsOf(row);
    const places = [...weights.keys()].filter((at) => weights[at] >= LEAST);
    places.sort((a, b) => weights[b] - weights[a]);
    for (const at of places.slice(0, MOST)) lines.push([row, at, weights[at]]);
  }
  return lines;
}

/** How strongly a line is drawn, 0 to 1; focus: the row in focus, or null. */
export function strength(row, weight, focus) {
  if (focus === null) return 0.15 + 0.85 * weight;
  return row === focus ? Math.max(0.5, weight) : 0.06;
}

/** The size of letters, in px, with which texts of these characters fit into a width; between `least` and `most`. */
export function fontFor(characters, width, least = 11, most = 16) {
  const size = width / (0.64 * Math.max(1, characters)); // a letter of a monospaced font is 0.6 as wide, and a gap
  return Math.max(least, Math.min(most, Math.floor(size * 2) / 2));
}
