// The runs on the loss chart as plotly's traces. A run is {record, role}: "shown" is the run that the
// tab shows, "previous" the one before it, "overlay" one that is laid over it, with a place among the
// colours of runs. The style of each curve is in the figure (figures/loss.py).
import { colour } from "../page/appearance.js";
import { pointsOf } from "./points.js";
import { thick } from "../page/presenting.js";
import { colourOf } from "../runs/ticks.js";

// The curves of a run by its role, and what they change of the figure's style.
const CURVES = {
  shown: ["raw", "smooth", "validation", "old", "exact"],
  previous: ["smooth"],
  overlay: ["smooth", "validation", "exact"],
};
const QUIET = { opacity: 0.4, hoverinfo: "skip", hovertemplate: null };
const CHANGES = { shown: {}, previous: QUIET, overlay: { opacity: 0.8 } };

/** The traces of all runs; the later ones of the list stand in front. figure: gives each curve's style. */
export function tracesOf(view, runs, figure) {
  return runs.flatMap(({ record, role, place }) => {
    const points = pointsOf(view, record, 0, record.events);
    return figure.data
      .filter((style) => CURVES[role].includes(style.meta.curve))
      .map((style) => {
        const [x, y] = points[style.meta.curve];
        const paint = colour(place === undefined ? style.meta.colour : colourOf(place));
        return {
          ...style,
          ...CHANGES[role],
          uid: `${role}${style.meta.curve}${place ?? ""}`,
          meta: { ...style.meta, role, run: record.run },
          x: [...x],
          y: [...y],
          line: { ...style.line, color: paint, width: thick(style.line.width) },
          marker: { ...style.marker, color: paint, size: thick(style.marker?.size ?? 6) },
        };
      });
  });
}

/** New points of the run shown, or of another one, as plotly's `extendTraces` takes them: {x, y, indices}. */
export function extension(view, record, from, events, traces, role = "shown") {
  const points = pointsOf(view, record, from, events);
  const grown = { x: [], y: [], indices: [] };
  traces.forEach(({ meta }, index) => {
    if (meta.role !== role || meta.run !== record.run || !points[meta.curve][0].length) return;
    grown.x.push(points[meta.curve][0]);
    grown.y.push(points[meta.curve][1]);
    grown.indices.push(index);
  });
  return grown;
}
