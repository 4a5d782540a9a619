// The length of the gradient in each layer, beside the loss chart: only of runs where depth is the question. The
// server says which those are (playground/runs/run_view.py), by sending events of the type "gradient".
import { PLOT_CONFIG, colour, onTheme } from "../page/appearance.js";
import { isVisible, make, onShown } from "../basics/dom.js";
import { figureFiles } from "../basics/figure_files.js";
import { large, onPresenting, presenting, thick } from "../page/presenting.js";
import { whole } from "../basics/wording.js";

const times = (ratio) => (ratio < 10 ? ratio.toFixed(1) : whole(Number(ratio.toPrecision(2))));

/** The lengths at a step (null: the newest): {step, layers} or undefined; before the first, the first. */
export function gradientAt(record, step) {
  const known = record.events.filter((event) => event.type === "gradient");
  return known.findLast((event) => event.step <= (step ?? Infinity)) ?? known[0];
}

/** How the first layer's gradient compares with the last one's, in words. */
export function gradientWords({ step, layers }) {
  const [first, last] = [layers[0], layers.at(-1)];
  return `Step ${whole(step)}: the first layer's gradient ${compared(first, last)}.`;
}

function compared(first, last) {
  if (first === 0) return "has no length: nothing tells it what to change";
  if (last === 0) return "has a length, and the last one's has none";
  const ratio = first / last;
  if (ratio >= 1.5) return `is ${times(ratio)} times as long as the last one's`;
  if (ratio > 1 / 1.5) return `is about as long as the last one's (${ratio.toFixed(2)} times)`;
  return `is 1/${times(1 / ratio)} of the last one's`;
}

/** The range of a logarithmic axis that holds all lengths: at least two powers of ten, so that noise looks small. */
export function gradientRange(lengths) {
  const logs = lengths.filter((length) => length > 0).map(Math.log10);
  if (!logs.length) return [-1, 1];
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const margin = Math.max(0.2, (2 - (high - low)) / 2);
  return [low - margin, high + margin];
}

/** The chart of a tab, as a node that stays hidden where depth is not the question. */
export function gradientChart(tab, element) {
  const node = make("div", "gradient-chart");
  const plot = make("div", "gradient-plot");
  const words = make("p", "figure-words");
  plot.setAttribute("role", "img");
  const head = make("div", "figure-head");
  head.append(make("span", "figure-title", "Gradient per layer"), figureFiles({ plot: () => plot, name: () => `${tab.key}-gradient` }));
  node.append(head, plot, words);
  node.title = "The length (L2 norm) of the loss's gradient in the weights of each layer, before clipping";
  let shown = null; // the event that is drawn

  const show = (anew = false) => {
    const found = gradientAt(tab.record, tab.step);
    node.hidden = !found;
    if (!found || (found === shown && !anew) || !isVisible(plot)) return;
    shown = found;
    words.textContent = gradientWords(found);
    plot.setAttribute("aria-label", `Length of the gradient in each layer. ${words.textContent}`);
    const { data, layout } = figure(found.layers);
    Plotly.react(plot, data, layout, PLOT_CONFIG);
  };
  tab.subscribe((_, change) => (change.reset || change.events.length) && show(change.reset), element);
  tab.onStep(() => show(), element);
  onTheme(element, () => show(true));
  onPresenting(() => show(true), element);
  onShown(plot, () => (plot.data && shown ? Plotly.Plots.resize(plot) : show(true)));
  show();
  return node;
}

function figure(layers) {
  const x = layers.map((_, index) => index + 1);
  const size = presenting() ? large(18) : 11;
  const range = gradientRange(layers);
  const axis = { gridcolor: "rgba(127, 133, 150, 0.22)", zeroline: false, fixedrange: true };
  const paint = colour("train");
  return {
    data: [
      {
        type: "scatter",
        mode: "lines+markers",
        x,
        y: layers.map((length) => (length > 0 ? length : null)), // a logarithm has no place for 0
        line: { color: paint, width: thick(1.5) },
        marker: { color: paint, size: thick(6) },
        hovertemplate: "layer %{x}: length %{y:.3g}<extra></extra>",
      },
    ],
    layout: {
      autosize: true,
      showlegend: false,
      dragmode: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 3.6 * size, r: 8, t: 6, b: 1.7 * size },
      font: { size, color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
      xaxis: { ...axis, dtick: Math.ceil(layers.length / 12) },
      yaxis: { ...axis, type: "log", range, dtick: Math.ceil((range[1] - range[0]) / 4), exponentformat: "power" },
    },
  };
}
