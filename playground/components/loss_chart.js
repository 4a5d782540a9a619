// The loss chart: drawn anew when its switches or its run change, else extended with what comes.
"use strict";

{
  const { make, button, press, isVisible, onShown } = Playground.parts.dom;
  const { PLOT_CONFIG, onTheme, colour } = Playground.parts.appearance;
  const { feed } = Playground.parts.feed;
  const { pointsOf, asCsv } = Playground.parts.lossPoints;
  const { ranges, layoutOf, endOf } = Playground.parts.lossAxes;

  const VISIBLE_PX = 2; // a curve that has grown by less looks as before: training needs the processor

  class LossChart {
    constructor(element, props, watch) {
      this.props = props;
      this.feed = feed(props.feed);
      this.axis = "step";
      this.logX = this.logY = this.zoomed = this.dirty = false;
      this.revision = this.planned = 0;
      this.held = null; // {from, events}: what has come and is not drawn yet
      this.end = [NaN, NaN]; // of the smoothed curve as it is drawn, in pixels
      this.build(element);
      watch("value", () => this.drawSoon());
      this.feed.subscribe((record, change) => this.hear(record, change), element);
      onTheme(element, () => this.drawSoon());
      onShown(this.plot, () => this.resized());
    }

    build(element) {
      const head = make("div", "figure-head");
      const key = make("span", "key");
      for (const [role, text] of [
        ["train", "train"],
        ["validation", "validation"],
        ["ghost", "previous run"],
      ]) {
        const item = make("span", `key-item key-${role}`, text);
        key.append(item);
        if (role === "ghost") this.ghostKey = item;
      }
      const axes = make("span", "pills joined");
      for (const axis of ["step", "tokens", "seconds"]) {
        const pill = button(axis, "pill-button", `x axis: ${axis}`, () => {
          this.axis = axis;
          this.redrawFrom();
        });
        pill.dataset.axis = axis;
        axes.append(pill);
      }
      this.axisPills = [...axes.children];
      this.logXPill = button("log x", "pill-button", "logarithmic x axis", () => {
        this.logX = !this.logX;
        this.redrawFrom();
      });
      this.logYPill = button("log y", "pill-button", "logarithmic y axis", () => {
        this.logY = !this.logY;
        this.redrawFrom();
      });
      const logs = make("span", "pills");
      logs.append(this.logXPill, this.logYPill);
      const csv = button("CSV", "pill-button", "download these points", () => this.download());
      const tools = make("span", "figure-tools");
      tools.append(axes, logs, csv);
      const title = make("span", "figure-title", "Loss");
      head.append(title, make("span", "figure-unit", "nats per character"), key, tools);
      this.plot = make("div", "plot");
      this.plot.setAttribute("role", "img");
      this.words = make("p", "figure-words");
      const frame = make("div", "live-figure");
      frame.append(head, this.plot, this.words);
      element.replaceChildren(frame);
    }

    hear(record, change) {
      if (change.reset) this.keepHeight();
      this.words.textContent = record.summary || "";
      this.plot.setAttribute("aria-label", `Loss chart. ${record.summary || ""}`);
      if (change.reset) {
        this.redrawFrom();
      } else if (this.held || record.train.step.length > change.from || change.events.length) {
        this.append(record, change);
      }
    }

    /** The plot keeps its size while there are no words to a new run. */
    keepHeight() {
      this.words.style.minHeight = "";
      if (isVisible(this.words)) this.words.style.minHeight = `${this.words.offsetHeight}px`;
    }

    redrawFrom() {
      this.zoomed = false;
      this.revision += 1;
      this.drawSoon();
    }

    /** With the next frame: whatever else asks for it until then is one drawing. */
    drawSoon() {
      this.planned ||= requestAnimationFrame(() => {
        this.planned = 0;
        this.draw();
      });
    }

    resized() {
      if (this.dirty) this.draw();
      else if (this.plot.data) Plotly.Plots.resize(this.plot);
    }

    append(record, change) {
      this.held ??= { from: change.from, events: [] };
      this.held.events.push(...change.events);
      if (this.planned) return;
      if (!this.plot.data || !isVisible(this.plot)) {
        this.dirty = true;
        return;
      }
      const { from, events } = this.held;
      if (this.dirty || events.some((event) => event.type === "learning_rate")) return this.draw();
      const end = endOf(this, record, this.plot);
      const moved = Math.hypot(end[0] - this.end[0], end[1] - this.end[1]);
      const marked = events.some((event) => event.type === "evaluation");
      if (record.status === "running" && moved < VISIBLE_PX && !marked && !this.zoomed) return;
      this.held = null;
      this.end = end;
      const columns = pointsOf(this, record, from, events);
      const x = [];
      const y = [];
      const indices = [];
      this.plot.data.forEach((trace, index) => {
        const column = columns[trace.meta.role];
        if (!column || !column[0].length) return;
        x.push(column[0]);
        y.push(column[1]);
        indices.push(index);
      });
      if (indices.length) Plotly.extendTraces(this.plot, { x, y }, indices);
      this.adaptRanges(record);
    }

    adaptRanges(record) {
      if (this.zoomed) return;
      const { layout } = this.plot;
      const { x, y } = ranges(this, record, this.props.value.layout.meta);
      const same = (a, b) => Math.abs(a[0] - b[0]) < 1e-9 && Math.abs(a[1] - b[1]) < 1e-9;
      if (same(x, layout.xaxis.range) && same(y, layout.yaxis.range)) return;
      Plotly.relayout(this.plot, { "xaxis.range": x, "yaxis.range": y });
    }

    /** Draws everything from the record; points that come later are appended. */
    draw() {
      this.axisPills.forEach((pill) => press(pill, pill.dataset.axis === this.axis));
      press(this.logXPill, this.logX);
      press(this.logYPill, this.logY);
      const figure = this.props.value;
      if (!figure) return;
      if (!isVisible(this.plot)) {
        this.dirty = true;
        return;
      }
      this.dirty = false;
      this.held = null;
      this.end = [NaN, NaN];
      const { record, previous } = this.feed;
      const columns = pointsOf(this, record, 0, record.events);
      this.ghostKey.hidden = !previous;
      if (previous) columns.ghost = pointsOf(this, previous, 0, []).smooth;
      const data = figure.data.map((trace) => {
        const [x, y] = columns[trace.meta.role] ?? [[], []];
        const paint = colour(trace.meta.colour);
        const line = { ...trace.line, color: paint };
        return { ...trace, x: [...x], y: [...y], line, marker: { ...trace.marker, color: paint } };
      });
      const layout = layoutOf(this, record, figure.layout, this.plot.clientWidth);
      layout.uirevision = `${this.revision}`;
      Plotly.react(this.plot, data, layout, PLOT_CONFIG).then(() => {
        if (this.listening) return;
        this.listening = true;
        this.plot.on("plotly_relayout", (event) => {
          if ("xaxis.range[0]" in event || "yaxis.range[0]" in event) this.zoomed = true;
        });
        this.plot.on("plotly_doubleclick", () => this.redrawFrom());
      });
    }

    download() {
      const { record } = this.feed;
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([asCsv(record)], { type: "text/csv" }));
      link.download = `${this.props.feed}-loss.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  Playground.parts.lossChart = { LossChart };
}
