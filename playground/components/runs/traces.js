// The curves of the ticked runs as plotly's traces, and the layout of their chart.
import { colour } from "../page/appearance.js";
import { enlarged, thick } from "../page/presenting.js";
import { xTicks } from "./curves.js";
import { colourOf, dashOf } from "./ticks.js";

const LOG_LOSSES = [0.5, 0.7, 1, 1.2, 1.5, 1.7, 2, 2.5, 3, 4, 5, 7, 10];
const MOST_DOTS = 60; // of evaluations; a line with more of them has no dots

/** Two traces for each curve of `RunsChart`; place(run): among the colours. */
export function tracesOf(curves, place) {
  return curves.flatMap(({ run, training, validation }) => {
    const paint = colour(colourOf(place(run)));
    const dash = dashOf(place(run));
    const one = (curve, points, style) => ({
      type: "scatter",
      uid: `${curve}${place(run)}`,
      meta: { run, curve },
      x: [...points.x],
      y: [...points.y],
      hovertemplate: "%{y:.3f}<extra></extra>",
      ...style,
    });
    const dots = validation.x.length <= MOST_DOTS;
    return [
      one("training", training, {
        mode: "lines",
        line: { color: paint, width: thick(1), dash },
        opacity: 0.45,
        hoverinfo: "skip",
        hovertemplate: null,
      }),
      one("validation", validation, {
        mode: dots ? "lines+markers" : "lines",
        line: { color: paint, width: thick(2.2), dash },
        marker: { color: paint, size: thick(dots ? 5 : 1) },
      }),
    ];
  });
}

/** The chart in words, for those who do not see it; labelOf(run): its name. */
export function summaryOf(curves, labelOf) {
  const told = curves.map(({ run, validation }) => {
    const last = validation.y.at(-1);
    return `${labelOf(run)} ${last === undefined ? "not judged yet" : last.toFixed(3)}`;
  });
  return told.length ? `Validation loss of ${told.length} runs: ${told.join("; ")}.` : "No run is ticked.";
}

/** view: the chart, with its switches; ranges: {x, y} in plotly's terms. */
export function layoutOf(view, ranges) {
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const axis = (log, range, more) => ({
    type: log ? "log" : "linear",
    range,
    gridcolor: colour("grid"),
    zeroline: false,
    ...more,
  });
  const narrow = view.plot.clientWidth < 480;
  return enlarged({
    autosize: true,
    margin: { l: 40, r: narrow ? 100 : 175, t: 8, b: 24 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    font: { color: colour("ink"), size: 12, family: getComputedStyle(view.plot).fontFamily },
    hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
    hovermode: "closest",
    dragmode: coarse ? false : "zoom", // a finger scrolls the page
    xaxis: axis(view.logX, ranges.x, xTicks(view, ranges.x[1], narrow)),
    yaxis: axis(view.logY, ranges.y, view.logY ? { tickmode: "array", tickvals: LOG_LOSSES } : { nticks: 7 }),
    annotations: [],
  });
}
