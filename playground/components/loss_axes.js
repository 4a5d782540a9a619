// The axes of the loss chart, the part of them worth looking at, and what is marked on them.
// `chart` is what its switches say, {axis: "step" | "tokens" | "seconds", logX, logY}, and its feed.
"use strict";

{
  const { colour } = Playground.parts.appearance;
  const { LIVE } = Playground.parts.feed;
  const { positions, secondsAt } = Playground.parts.lossPoints;

  const LOG_LOSSES = [0.5, 0.7, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7, 10];

  /** The part of the axes worth looking at, in plotly's terms (powers of ten on a log axis). */
  function ranges(chart, record, meta) {
    const { step, seconds, smooth } = record.train;
    const last = step.length - 1;
    let length = Math.max(record.steps || meta.steps, last >= 0 ? step[last] : 0);
    let first = 1;
    if (chart.axis === "tokens") {
      first = record.tokens_per_step;
      length *= record.tokens_per_step;
    } else if (chart.axis === "seconds") {
      const elapsed = last >= 0 ? seconds[last] : 1;
      // round up so that the axis grows in jumps, not with each answer
      const left = LIVE.has(record.status) ? record.seconds_left ?? elapsed * 0.5 : 0;
      const unit = Math.max(1, 10 ** Math.floor(Math.log10(elapsed + left)) / 2);
      length = left ? Math.ceil((elapsed + left) / unit) * unit : elapsed;
      first = Math.max(last >= 0 ? seconds[0] : 0, length / 1000);
    }
    let { low } = meta;
    const settled = last > 20 || record.steps <= 20; // the first of many steps leap
    const ghost = chart.feed.previous?.train.smooth.at(-1);
    const seen = [record.best, settled ? smooth[last] : null, ghost];
    const lowest = Math.min(...seen.map((loss) => loss ?? Infinity));
    if (lowest < low + 0.04) low = lowest - 0.06 * (meta.high - lowest);
    const log = Math.log10;
    return {
      x: chart.logX ? [log(first), log(length)] : [0, length],
      y: chart.logY ? [log(Math.max(low, 0.001)), log(meta.high)] : [low, meta.high],
    };
  }

  /** Where the smoothed curve ends, in pixels from the corner of a plot with its present axes. */
  function endOf(chart, record, plot) {
    const { step, seconds, smooth } = record.train;
    const last = step.length - 1;
    const [x] = positions(chart, record, [step[last]], [seconds[last]]);
    const share = (value, log, [low, high]) => ((log ? Math.log10(value) : value) - low) / (high - low);
    return [
      share(x, chart.logX, plot.layout.xaxis.range) * plot.clientWidth,
      share(smooth[last], chart.logY, plot.layout.yaxis.range) * plot.clientHeight,
    ];
  }

  /** The figure's layout for this record; width: of the plot, in pixels. */
  function layoutOf(chart, record, layout, width) {
    const { meta } = layout;
    const { x, y } = ranges(chart, record, meta);
    const place = (value) => (chart.logY ? Math.log10(value) : value);
    const shapes = layout.shapes.map((shape) => ({ ...shape }));
    const annotations = layout.annotations.map((note, index) => ({
      ...note,
      y: place(meta.label_y[index]),
    }));
    for (const event of record.events.filter((one) => one.type === "learning_rate")) {
      markRate(chart, record, event, shapes, annotations);
    }
    const axis = (old, log, range, logTicks) => ({
      ...old,
      type: log ? "log" : "linear",
      range,
      gridcolor: colour("grid"),
      ...(log ? logTicks : {}),
    });
    const coarse = window.matchMedia("(pointer: coarse)").matches;
    return {
      ...layout,
      autosize: true,
      dragmode: coarse ? false : "zoom", // a finger scrolls the page
      font: { color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
      margin: { ...layout.margin, r: width < 480 ? 86 : layout.margin.r },
      xaxis: axis(layout.xaxis, chart.logX, x, { dtick: 1 }),
      yaxis: axis(layout.yaxis, chart.logY, y, { tickmode: "array", tickvals: LOG_LOSSES }),
      shapes,
      annotations,
    };
  }

  function markRate(chart, record, event, shapes, annotations) {
    const seconds = event.seconds ?? secondsAt(record, event.step);
    const [at] = positions(chart, record, [event.step], [seconds]);
    const line = { color: colour("ink"), width: 1, dash: "dot" };
    shapes.push({ type: "line", layer: "below", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line });
    annotations.push({
      text: `rate ${Number(event.learning_rate.toPrecision(2))}`,
      x: chart.logX ? Math.log10(Math.max(at, 1e-3)) : at,
      y: 0.92,
      yref: "paper",
      xanchor: "left",
      yanchor: "top",
      xshift: 3,
      showarrow: false,
      font: { size: 10 },
    });
  }

  Playground.parts.lossAxes = { ranges, layoutOf, endOf };
}
