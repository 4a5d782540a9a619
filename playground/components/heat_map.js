// Weights as colours: a thumbnail on a canvas, and the figures that plotly draws large.
// `weights` are the bytes of one head, row after row; what lies ahead of a row is masked.
"use strict";

{
  const { isDark, colour } = Playground.parts.appearance;

  function hexParts(hex) {
    const digits = hex.replace("#", "");
    return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
  }

  const mix = (a, b, share) => a.map((part, i) => Math.round(part + (b[i] - part) * share));
  const rgb = (parts) => `rgb(${parts.join(",")})`;

  /** The colour of a head, as the figure lays down for each theme. */
  function hueOf(figure, head) {
    const { hues } = figure.layout.meta;
    return hues[head % hues.length][isDark() ? "dark" : "light"];
  }

  function paintThumbnail(canvas, weights, length, hue) {
    canvas.width = canvas.height = length;
    const context = canvas.getContext("2d");
    const image = context.createImageData(length, length);
    const zero = hexParts(colour("zero"));
    const full = hexParts(hue);
    const maskedParts = hexParts(colour("masked"));
    const shades = Array.from({ length: 256 }, (_, i) => mix(zero, full, (i / 255) ** 0.7));
    for (let cell = 0; cell < length * length; cell += 1) {
      const ahead = cell % length > Math.floor(cell / length);
      const parts = ahead ? maskedParts : shades[weights[cell]];
      image.data.set([...parts, 255], 4 * cell);
    }
    context.putImageData(image, 0, 0);
  }

  /** Plotly's data and layout for one head of the answer. */
  function headFigure({ figure, tokens }, weights, hue) {
    const { length } = tokens;
    const z = [];
    for (let row = 0; row < length; row += 1) {
      z.push(
        Array.from({ length }, (_, column) =>
          column > row ? null : Math.round((weights[row * length + column] / 255) * 1000) / 1000,
        ),
      );
    }
    const colorscale = [
      [0, colour("zero")],
      [1, hue],
    ];
    const trace = { ...figure.data[0], z, colorscale, xgap: 0, ygap: 0 };
    if (length <= 40) trace.xgap = trace.ygap = 0.6;
    return { data: [trace], layout: { ...figure.layout, plot_bgcolor: colour("masked") } };
  }

  /** Plotly's data and layout for next-character tables, whose numbers the figure holds. */
  function tableFigure(figure) {
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
  function fitAxes(layout, length, plot) {
    const { l, r, t, b } = layout.margin;
    const axis = (old, pixels, narrowest, share) => {
      const cell = pixels / length;
      const size = Math.max(6, Math.min(11, Math.floor(cell * share)));
      const tickfont = { ...old.tickfont, size };
      return { ...old, tickfont, showticklabels: cell >= narrowest, ticks: "" };
    };
    return {
      xaxis: axis(layout.xaxis, plot.clientWidth - l - r, 4.6, 1.4),
      yaxis: axis(layout.yaxis, plot.clientHeight - t - b, 6.2, 1.15),
    };
  }

  /** Two half-transparent sheets, above and below the row in focus. */
  function curtains(row, length) {
    if (row === null || !length) return [];
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
    return [sheet(-0.5, row - 0.5), sheet(row + 0.5, length - 0.5)];
  }

  Playground.parts.heatMap = { hueOf, paintThumbnail, headFigure, tableFigure, fitAxes, curtains };
}
