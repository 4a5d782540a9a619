// The chart of the Start tab as plotly takes it: a curve for each model, counted lines, names at the right edge.
import { evaluations } from "../tab/feed.js";
import { large, presenting } from "../page/presenting.js";
import { decimalsOf } from "../basics/wording.js";

const GAP_PX = 14; // least distance of two names,
const GAP_LARGE_PX = 28; // and where they are large
const AROUND_PX = 40; // above and below the curves
const NARROW_PX = 560; // of a plot that has no room for numbers beside the names: the cards have them
const LETTER_PX = 7.4; // of a bold name, on average

/** The name of the highest line: within the chart, or beside it where it would lie over the curves. */
const ceilingPlace = (name, y, narrow) =>
  narrow
    ? { text: name.replace(": ", ":<br>"), x: 1.01, xanchor: "left", align: "left" }
    : { text: `${name} · ${y.toFixed(2)}`, x: 0.99, xanchor: "right" };

/** ladder: of `playground/tabs/ladder_data.py`; feeds: Map of model to Feed in a race, else null; axis: as in `Start`. */
export function figureOf(ladder, feeds, axis, { dark, ink, grid, card, family, width = Infinity, height = 340 }) {
  const found = ladder.models
    .map((model) => curveOf(model, feeds?.get(model.key)?.record, feeds, axis))
    .filter((curve) => curve.x.length);
  const curves = axis === "step" ? flattened(found) : found;
  const heights = [...Object.values(ladder.lines), ...curves.flatMap((curve) => curve.y)];
  if (!heights.length) heights.push(1, 4); // a race of which nothing is known yet
  const high = Math.max(...heights) * 1.02;
  const low = Math.min(...heights) - 0.12;
  const decimals = decimalsOf(curves.map(({ y }) => y.at(-1)));
  const data = curves.map(({ model, x, y, flat }) => ({
    x,
    y,
    name: model.title,
    mode: flat ? "lines" : "lines+markers",
    line: { color: model.hue[dark ? 1 : 0], width: 2.4, dash: flat ? "dot" : "solid" },
    marker: { size: feeds ? 6 : 3 },
    hovertemplate: `${model.title}: %{y:.3f}<extra></extra>`,
    cliponaxis: false,
  }));
  const log = axis === "FLOPs";
  const narrow = width < NARROW_PX;
  const lines = Object.entries(ladder.lines).sort(([, a], [, b]) => b - a);
  const [[ceiling, guess] = [], ...counted] = lines; // no curve stays at the highest line: its name stands there
  const told = (name, y) => (narrow ? name : `${name} ${y}`);
  const names = spread(
    [
      ...counted.map(([name, y]) => ({ y, text: told(name, `· ${y.toFixed(2)}`), color: ink, size: 11 })),
      ...curves.map(({ model, y }) => ({
        y: y.at(-1),
        text: `<b>${told(model.title.toLowerCase(), y.at(-1).toFixed(decimals))}</b>`,
        color: model.hue[dark ? 1 : 0],
        size: narrow ? 11 : 12,
      })),
    ],
    ((presenting() ? large(GAP_LARGE_PX) : GAP_PX) / Math.max(100, height - AROUND_PX)) * (high - low),
  );
  const letters = Math.max(0, ...names.map(({ text }) => text.replace(/<[^>]*>/g, "").length));
  const longest = Math.max(1, ...curves.flatMap(({ x }) => x));
  const layout = {
    margin: { l: narrow ? 30 : 40, r: 12 + (narrow ? 0.9 : 1) * LETTER_PX * letters, t: 6, b: 26 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    font: { color: ink, size: 12, family },
    hoverlabel: { bgcolor: card, font: { color: ink } },
    hovermode: "closest",
    dragmode: false,
    xaxis: {
      type: log ? "log" : "linear",
      gridcolor: grid,
      zeroline: false,
      fixedrange: true,
      ...(log ? { dtick: 1, exponentformat: "power" } : { range: [0, longest] }),
    },
    yaxis: { range: [low, high], gridcolor: grid, zeroline: false, fixedrange: true },
    shapes: Object.values(ladder.lines).map((y) => ({
      type: "line",
      xref: "paper",
      x0: 0,
      x1: 1,
      y0: y,
      y1: y,
      line: { color: ink, width: 1, dash: "dash" },
      opacity: 0.6,
      layer: "below",
    })),
    annotations: [
      ...(ceiling ? [{ ...ceilingPlace(ceiling, guess, narrow), y: guess, yanchor: "top", size: 11 }] : []),
      ...names.map(({ text, at, size, color }) => ({ text, x: 1.01, xanchor: "left", y: at, size, color })),
    ].map(({ size, color = ink, ...place }) => ({
      ...place,
      xref: "paper",
      showarrow: false,
      font: { size, color },
    })),
  };
  const ends = curves.map(({ model, y }) => `${model.title} ${y.at(-1).toFixed(decimals)}`);
  return { data, layout, summary: `Validation loss of each model: ${ends.join(", ")}.` };
}

/** Counting has no steps of a network: beside networks, its last loss is a line, not a curve at the left edge. */
function flattened(curves) {
  const longest = Math.max(0, ...curves.filter(({ model }) => model.flops_per_step).flatMap(({ x }) => x));
  return curves.map((curve) => {
    const last = curve.y.at(-1);
    const counts = !curve.model.flops_per_step && longest > 0;
    return counts ? { ...curve, x: [0, longest], y: [last, last], flat: true } : curve;
  });
}

/** The points of a model: of its run in a race, or of the included run. */
function curveOf(model, record, racing, axis) {
  const each = model.flops_per_step;
  let columns = model.curve ?? { step: [], seconds: [], flops: [], loss: [] };
  if (racing) {
    const judged = record ? evaluations(record) : [];
    columns = {
      step: judged.map((e) => e.step),
      seconds: judged.map((e) => e.seconds),
      flops: judged.map((e) => e.step * each),
      loss: judged.map((e) => e.loss),
    };
    const first = record?.train.loss[0];
    if (judged.length && first !== undefined && model.key !== "ngram") {
      for (const [name, value] of Object.entries({ step: 0, seconds: 0, flops: 0, loss: first })) {
        columns[name] = [value, ...columns[name]];
      }
    }
  }
  const x = { step: columns.step, seconds: columns.seconds, FLOPs: columns.flops }[axis] ?? [];
  const points = x.map((value, index) => [value, columns.loss[index]]);
  const kept = axis === "FLOPs" ? points.filter(([value]) => value > 0) : points;
  return { model, x: kept.map(([value]) => value), y: kept.map(([, loss]) => loss) };
}

/** Places {at} for names at heights {y}, at least `gap` apart: the lowest stays, the others move up. */
export function spread(names, gap) {
  let taken = -Infinity;
  return [...names]
    .sort((a, b) => a.y - b.y)
    .map((name) => {
      taken = Math.max(name.y, taken + gap);
      return { ...name, at: taken };
    });
}
