// The figure of a sweep: the loss of each run against the setting, or against the size with the fitted law.
import { PLOT_CONFIG, colour } from "../page/appearance.js";

const WIDE = 8; // largest to smallest value from which an axis is logarithmic

/** Whether the values of a setting stand on a logarithmic axis. */
export function isLog(values) {
  const numbers = values.every((value) => typeof value === "number" && value > 0);
  return numbers && Math.max(...values) / Math.min(...values) >= WIDE;
}

/** The points of a sweep that have a loss, in groups by the second setting, each in the order of the first. */
export function groupsOf(points) {
  const groups = new Map();
  for (const point of points.filter(({ loss }) => Number.isFinite(loss))) {
    const name = point.other ?? "";
    groups.set(name, [...(groups.get(name) ?? []), point]);
  }
  const numbers = points.every(({ x }) => typeof x === "number");
  if (numbers) for (const group of groups.values()) group.sort((a, b) => a.x - b.x);
  return groups;
}

/** The traces of a sweep as plotly draws them; paint(name): a colour of the theme. */
export function tracesOf({ points, law, kind }, paint) {
  const traces = [];
  if (law) {
    const x = law.curve.map(([size]) => size);
    const band = law.curve.every(([, , low]) => low !== null);
    const quiet = { x, type: "scatter", mode: "lines", hoverinfo: "skip" };
    if (band) {
      const line = { width: 0 };
      traces.push({ ...quiet, y: law.curve.map(([, , low]) => low), line });
      traces.push({ ...quiet, y: law.curve.map((one) => one[3]), line, fill: "tonexty", fillcolor: `${paint("run-0")}22` });
    }
    const line = { color: paint("run-0"), width: 1.5, dash: "dash" };
    traces.push({ ...quiet, y: law.curve.map(([, loss]) => loss), line });
  }
  [...groupsOf(points)].forEach(([name, group], place) => {
    const color = paint(`run-${place % 10}`);
    const done = group.map(({ status }) => status === "finished");
    traces.push({
      type: "scatter",
      mode: kind === "scale" ? "markers" : "lines+markers",
      name,
      x: group.map(({ x }) => (typeof x === "number" ? x : String(x))),
      y: group.map(({ loss }) => loss),
      text: group.map(({ title }) => title),
      hovertemplate: "%{text}: %{y:.3f}<extra></extra>",
      line: { color, width: 1.5 },
      marker: { color, size: 8, symbol: done.map((one) => (one ? "circle" : "circle-open")) },
    });
  });
  return traces;
}

/** The points of a sweep as lines of comma-separated values. */
export function asCsv({ points }) {
  const cell = (value) => (/[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = points.map(({ title, parameters, loss, status }) => [cell(title), parameters, loss ?? "", status].join(","));
  return ["run,parameters,validation,status", ...lines, ""].join("\n");
}

/** Draws a sweep into a node. */
export function drawSweep(node, state) {
  const values = state.points.map(({ x }) => x);
  const numbers = values.every((value) => typeof value === "number");
  const several = groupsOf(state.points).size > 1;
  const log = state.kind === "scale" || isLog(values);
  const axis = { gridcolor: colour("grid"), zeroline: false, automargin: true, tickfont: { size: 11 } };
  const x = { ...axis, title: { text: state.axis, font: { size: 11 }, standoff: 4 } };
  if (!numbers) x.type = "category";
  else if (log) Object.assign(x, { type: "log", dtick: state.kind === "scale" ? 1 : undefined });
  if (numbers && state.kind !== "scale" && new Set(values).size <= 10) {
    Object.assign(x, { tickmode: "array", tickvals: [...new Set(values)], ticktext: [...new Set(values)].map(String) });
  }
  const layout = {
    autosize: true,
    margin: { l: 34, r: 8, t: 4, b: 28 },
    font: { color: colour("ink"), size: 11 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    showlegend: several,
    legend: { font: { size: 10 }, x: 1, xanchor: "right", y: 1 },
    hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
    xaxis: x,
    yaxis: { ...axis, title: { text: "nats per character", font: { size: 11 }, standoff: 4 } },
  };
  return Plotly.react(node, tracesOf(state, colour), layout, PLOT_CONFIG);
}
