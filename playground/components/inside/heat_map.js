// Weights as colours: a thumbnail on a canvas, and the figures that plotly draws large.
import { colour, isDark } from "../page/appearance.js";
import { cells, pixels } from "./attention_weights.js";

function hexParts(hex) {
  const digits = hex.replace("#", "");
  return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
}

const mix = (a, b, share) => a.map((part, i) => Math.round(part + (b[i] - part) * share));
const rgb = (parts) => `rgb(${parts.join(",")})`;

/** The colour of a head, which the figure gives for each theme. */
export function hueOf(figure, head) {
  const { hues } = figure.layout.meta;
  return hues[head % hues.length][isDark() ? "dark" : "light"];
}

/** Paints a head (attention_weights.js) on a canvas, one pixel for each cell. */
export function paintThumbnail(canvas, head, hue) {
  canvas.width = head.length;
  canvas.height = head.height;
  const zero = hexParts(colour("zero"));
  const full = hexParts(hue);
  const shades = Array.from({ length: 256 }, (_, i) => mix(zero, full, (i / 255) ** 0.7));
  const bytes = pixels(head, shades, hexParts(colour("masked")));
  canvas.getContext("2d").putImageData(new ImageData(bytes, head.length), 0, 0);
}

/** Plotly's data and layout for one head. */
export function headFigure(figure, head, hue) {
  const colorscale = [
    [0, colour("zero")],
    [1, hue],
  ];
  const gap = Math.max(head.length, head.height) <= 40 ? 0.6 : 0;
  const trace = { ...figure.data[0], z: cells(head), colorscale, xgap: gap, ygap: gap };
  return { data: [trace], layout: { ...figure.layout, plot_bgcolor: colour("masked") } };
}

/** Plotly's data and layout for tables of next tokens; the figure holds their numbers. */
export function tableFigure(figure) {
  const zero = colour("zero");
  const full = hueOf(figure, 0);
  const half = rgb(mix(hexParts(zero), hexParts(full), 0.55));
  const colorscale = [
    [0, zero],
    [0.25, half],
    [1, full],
  ];
  return {
    data: figure.data.map((trace) => ({ ...trace, colorscale })),
    layout: { ...figure.layout },
  };
}

/** Tick labels as large as the cells allow; none where they would overlap. */
export function fitAxes(layout, { length, height }, plot) {
  const { l, r, t, b } = layout.margin;
  const axis = (old, size, count, narrowest, share) => {
    const cell = size / count;
    const tickfont = { ...old.tickfont, size: Math.max(6, Math.min(11, Math.floor(cell * share))) };
    return { ...old, tickfont, showticklabels: cell >= narrowest, ticks: "" };
  };
  return {
    xaxis: axis(layout.xaxis, plot.clientWidth - l - r, length, 4.6, 1.4),
    yaxis: axis(layout.yaxis, plot.clientHeight - t - b, height, 6.2, 1.15),
  };
}

/** Two half-transparent sheets, above and below the row in focus; none if no row is, or in a table. */
export function curtains(row, weights) {
  if (row === null || !weights) return [];
  const { length, height } = weights;
  const sheet = (y0, y1) => ({
    type: "rect",
    x0: -0.5,
    x1: length - 0.5,
    y0,
    y1,
    fillcolor: colour("card"),
    opacity: 0.72,
    line: { width: 0 },
  });
  return [sheet(-0.5, row - 0.5), sheet(row + 0.5, height - 0.5)];
}
