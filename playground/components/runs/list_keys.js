// The keys of the list of runs: arrows go from row to row, F2 renames a run, Delete deletes it.
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };

/** Lets a RunsList answer to keys. */
export function listKeys(list) {
  list.body.addEventListener("keydown", (event) => {
    const row = list.rows.get(list.current);
    if (!row) return;
    if (event.key in STEPS) {
      const nodes = [...list.body.children];
      const index = nodes.indexOf(row.node) + STEPS[event.key];
      const next = nodes[Math.max(0, Math.min(nodes.length - 1, index))];
      list.reveal(next?.dataset.run);
    } else if (event.key === "F2") {
      row.rename();
    } else if (event.key === "Delete") {
      list.tab.remove([list.current]);
    } else {
      return;
    }
    event.preventDefault();
  });
}
