// The runs on the loss chart as plotly's traces. A run is {record, role}: "shown" is the run that the
// tab shows, "previous" the one before it. The style of each curve is in the figure (figures/loss.py).
import { colour } from "./appearance.js";
import { pointsOf } from "./loss_points.js";
import { thick } from "./presenting.js";

// The curves of a run by its role, and what they change of the figure's style.
const CURVES = { shown: ["raw", "smooth", "validation"], previous: ["smooth"] };
const CHANGES = { shown: {}, previous: { opacity: 0.4, hoverinfo: "skip", hovertemplate: null } };

/** The traces of all runs; the later ones of the list stand in front. figure: gives each curve's style. */
export function tracesOf(view, runs, figure) {
  return runs.flatMap(({ record, role }) => {
    const points = pointsOf(view, record, 0, record.events);
    return figure.data
      .filter((style) => CURVES[role].includes(style.meta.curve))
      .map((style) => {
        const [x, y] = points[style.meta.curve];
        const paint = colour(style.meta.colour);
        return {
          ...style,
          ...CHANGES[role],
          meta: { ...style.meta, role, run: record.run },
          x: [...x],
          y: [...y],
          line: { ...style.line, color: paint, width: thick(style.line.width) },
          marker: { ...style.marker, color: paint, size: thick(style.marker?.size ?? 6) },
        };
      });
  });
}

/** New points of the run shown, as plotly's `extendTraces` takes them: {x, y, indices}. */
export function extension(view, record, from, events, traces) {
  const points = pointsOf(view, record, from, events);
  const grown = { x: [], y: [], indices: [] };
  traces.forEach(({ meta }, index) => {
    if (meta.role !== "shown" || !points[meta.curve][0].length) return;
    grown.x.push(points[meta.curve][0]);
    grown.y.push(points[meta.curve][1]);
    grown.indices.push(index);
  });
  return grown;
}
