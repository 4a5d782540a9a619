// Arcs over the text: from the position in focus to the positions that it takes most from.
const MOST = 8; // arcs
const LEAST = 0.03; // weight that is worth an arc

/** The arcs to draw: [from, to, weight] of a row, the strongest first; weights: 0 to 1 or null for each token. */
export function arcsOf(row, weights) {
  if (row === null) return [];
  return [...weights.keys()]
    .filter((column) => column !== row && weights[column] >= LEAST)
    .sort((a, b) => weights[b] - weights[a])
    .slice(0, MOST)
    .map((column) => [row, column, weights[column]]);
}

/** Draws arcs above the tokens of a line in `svg`; nodes: the node of each token; hue: their colour. */
export function drawArcs(svg, nodes, arcs, hue) {
  svg.replaceChildren();
  const box = svg.getBoundingClientRect();
  const middle = (node) => {
    const { left, width, top } = node.getBoundingClientRect();
    return [left + width / 2 - box.left, top - box.top];
  };
  for (const [from, to, weight] of arcs) {
    if (!nodes[from] || !nodes[to]) continue;
    const [x0, y0] = middle(nodes[from]);
    const [x1, y1] = middle(nodes[to]);
    const height = Math.min(26, 8 + Math.abs(x1 - x0) / 8);
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", `M${x0},${y0} C${x0},${y0 - height} ${x1},${y1 - height} ${x1},${y1}`);
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", hue);
    path.setAttribute("stroke-width", 1 + 3 * weight);
    path.setAttribute("opacity", 0.35 + 0.65 * weight);
    svg.append(path);
  }
}
