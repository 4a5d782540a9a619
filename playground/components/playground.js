// The page's live parts: one feed a rung polls the run, everything else draws what it brings.
//
// Each Gradio component (`__init__.py`) starts one function of `window.Playground` when it mounts.
// A rung's parts find one another by the rung's name: the feed publishes, the chart, the diary and
// the attention view subscribe.  Text that a model or a visitor wrote only ever becomes the
// `textContent` of a node: it can never turn into markup.
"use strict";

window.Playground = window.Playground || (() => {
  const POLL_MS = 200;
  const HEARTBEAT_MS = 5000;
  const RETRY_MS = 1000;
  const ANSWER_MS = 10000; // a call that takes longer counts as missed
  const MISSES = 3; // missed answers in a row before the page says so
  const LIVE = new Set(["queued", "starting", "running", "paused"]);
  const MAX_SURPRISE = 5; // nats; the colour of a token stops growing there

  // ---------------------------------------------------------------- small tools

  function make(tag, className = "", text = "") {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  }

  function button(label, className, title, act) {
    const node = make("button", className, label);
    node.type = "button";
    if (title) node.title = title;
    node.addEventListener("click", act);
    return node;
  }

  const whole = (n) => Math.round(n).toLocaleString("en-GB");
  const isVisible = (node) => !document.hidden && node.offsetParent !== null;
  const shown = (token) =>
    token.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");

  function duration(exact) {
    const seconds = Math.max(1, Math.round(exact));
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function debounce(act, wait) {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(act, wait);
    };
  }

  /** Calls `server[name](...)`; resolves to null when the server fails, is gone or is too slow. */
  async function ask(server, name, ...data) {
    const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MS, null));
    try {
      return (await Promise.race([server[name](...data), late])) ?? null;
    } catch {
      return null;
    }
  }

  /** Calls `act` when the node's size changes and when its tab or the window is shown again. */
  function onShown(node, act) {
    const check = () => {
      if (!node.isConnected) {
        observer.disconnect();
        document.removeEventListener("visibilitychange", check);
      } else if (isVisible(node) && node.clientWidth > 0) {
        act();
      }
    };
    const observer = new ResizeObserver(check);
    observer.observe(node);
    document.addEventListener("visibilitychange", check);
  }

  // ---------------------------------------------------------------- dark and light

  const THEME = "playground-theme";
  const themeListeners = new Map(); // node -> what to do while it is on the page
  const isDark = () => document.body.classList.contains("dark");

  function storedTheme() {
    try {
      return localStorage.getItem(THEME);
    } catch {
      return null; // storage may be switched off: the system's choice stands
    }
  }

  function applyStoredTheme() {
    const stored = storedTheme();
    if (stored && (stored === "dark") !== isDark()) {
      document.body.classList.toggle("dark", stored === "dark");
    }
  }

  function toggleTheme() {
    const next = isDark() ? "light" : "dark";
    try {
      localStorage.setItem(THEME, next);
    } catch {
      // not kept, but the page still turns
    }
    document.body.classList.toggle("dark", next === "dark");
  }

  function onTheme(node, act) {
    themeListeners.set(node, act);
  }

  let wasDark = null;
  function watchTheme() {
    applyStoredTheme(); // Gradio sets the system's choice when it mounts
    if (isDark() === wasDark) return;
    wasDark = isDark();
    for (const [node, act] of themeListeners) {
      if (node.isConnected) act();
      else themeListeners.delete(node);
    }
  }

  /** Reads a colour of style.css, so that charts turn dark with the page. */
  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(`--chart-${name}`).trim();
  }

  // ---------------------------------------------------------------- tooltip

  let tip = null;

  /** Shows `fill(tip, target)` beside whichever child of `root` matching `selector` is pointed at. */
  function tooltip(root, selector, fill) {
    const show = (event) => {
      const target = event.target.closest(selector);
      if (!target || !root.contains(target)) return;
      if (!tip || !tip.isConnected) {
        tip = make("div", "playground-tip");
        document.body.append(tip);
      }
      tip.replaceChildren();
      fill(tip, target);
      tip.hidden = false;
      const box = target.getBoundingClientRect();
      const left = Math.min(box.left, window.innerWidth - tip.offsetWidth - 8);
      const below = box.bottom + 6 + tip.offsetHeight < window.innerHeight;
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
    };
    const hide = () => {
      if (tip) tip.hidden = true;
    };
    root.addEventListener("pointerover", show);
    root.addEventListener("pointerdown", show);
    root.addEventListener("pointerleave", hide);
    root.addEventListener("pointerout", hide);
  }

  // ---------------------------------------------------------------- the feed

  const feeds = new Map();

  /** The feed of a rung: the record of its run so far, and who wants to hear of news. */
  function feed(key) {
    if (!feeds.has(key)) feeds.set(key, new Feed(key));
    return feeds.get(key);
  }

  function emptyRecord(run) {
    return {
      run,
      status: null,
      reason: null,
      step: 0,
      steps: 0,
      tokens_per_step: 1,
      tokens_per_second: null,
      seconds_left: null,
      summary: "",
      best: null,
      train: { step: [], loss: [], smooth: [], seconds: [] },
      events: [],
    };
  }

  class Feed {
    constructor(key) {
      this.key = key;
      this.record = emptyRecord(null);
      this.previous = null; // the last run's record, for the ghost on the chart
      this.connected = true;
      this.stale = false;
      this.lastCall = 0;
      this.settled = null; // the run that has ended and been read to its end
      this.listeners = new Map();
    }

    /** fn(record, change) now with everything so far, then at each piece of news.
     *  change: {reset, from, events} = start anew?, first new train point, the new events. */
    subscribe(fn, node) {
      this.listeners.set(fn, node);
      fn(this.record, { reset: true, from: 0, events: this.record.events });
      return () => this.listeners.delete(fn);
    }

    publish(change) {
      for (const [fn, node] of this.listeners) {
        if (node && !node.isConnected) {
          this.listeners.delete(fn);
          continue;
        }
        try {
          fn(this.record, change);
        } catch (error) {
          console.error(error); // one part that fails must not silence the others
        }
      }
    }

    /** Start over with another run; the one before stays as a ghost if it had learned anything. */
    follow(run) {
      if (run === this.record.run) return;
      if (this.record.train.step.length > 1) this.previous = this.record;
      this.record = emptyRecord(run);
      this.stale = false;
      this.lastCall = 0;
      this.publish({ reset: true, from: 0, events: [] });
    }

    /** Takes one poll answer; true if it brought points or events. */
    accept(answer) {
      const { record } = this;
      if (answer.run !== record.run) return true; // an answer about a run we have left
      const from = record.train.step.length;
      const fromEvents = record.events.length;
      const { train, events, from: start, from_events: startEvents, ...state } = answer;
      Object.assign(record, state);
      if (start !== from || startEvents !== fromEvents) {
        // the run was rewound, or answers crossed: ask for all of it again
        record.train = emptyRecord(null).train;
        record.events = [];
        this.publish({ reset: true, from: 0, events: [] });
        return true;
      }
      for (const column of Object.keys(record.train)) {
        const into = record.train[column];
        for (const value of train?.[column] ?? []) into.push(value);
      }
      record.events.push(...(events ?? []));
      this.publish({ reset: false, from, events: events ?? [] });
      return record.train.step.length > from || (events ?? []).length > 0;
    }
  }

  const evaluations = (record) => record.events.filter((event) => event.type === "evaluation");

  function stale(key, value) {
    const one = feed(key);
    one.stale = Boolean(value);
    one.publish({ reset: false, from: one.record.train.step.length, events: [] });
  }

  /** Ask at once, and ask again even if the run had ended: something was just done to it. */
  function nudge(key) {
    feed(key).lastCall = 0;
    feed(key).settled = null;
  }

  /** The status strip; it also does the polling for its rung. */
  function runFeed(element, props, watch, server) {
    const one = feed(props.feed);
    const strip = make("div", "strip");
    const bar = make("div", "strip-bar");
    const fill = make("div", "strip-fill");
    const line = make("div", "strip-line");
    const hint = make("div", "strip-hint");
    bar.append(fill);
    strip.append(bar, line, hint);
    element.replaceChildren(strip);

    const follow = () => one.follow(props.value?.run ?? null);
    let calling = false;
    let misses = 0;

    one.subscribe((record) => {
      const root = element.closest(".rung");
      if (root) {
        root.dataset.status = record.status ?? "loading";
        root.dataset.connection = one.connected ? "ok" : "lost";
        root.classList.toggle("stale", one.stale);
      }
      const done = record.steps ? Math.min(1, record.step / record.steps) : 0;
      fill.style.width = `${100 * done}%`;
      line.replaceChildren(...statusLine(record));
      hint.textContent = one.connected
        ? one.stale
          ? "Settings changed: what you see is the run before. Press Train."
          : ""
        : "connection lost, trying again";
      if (props.tab && record.status) tabNote(props.tab, ladderNote(record));
    }, element);

    async function poll() {
      const { record } = one;
      const { run } = record;
      calling = true;
      one.lastCall = performance.now();
      const answer = await ask(server, "poll", run, record.train.step.length, record.events.length);
      calling = false;
      if (one.record.run !== run) return;
      misses = answer ? 0 : misses + 1;
      const connected = misses < MISSES;
      const changed = connected !== one.connected;
      one.connected = connected;
      if (answer) {
        const news = one.accept(answer);
        one.settled = !LIVE.has(answer.status) && !news ? run : null;
      } else if (changed) {
        one.publish({ reset: false, from: record.train.step.length, events: [] });
      }
    }

    const timer = setInterval(() => {
      if (!element.isConnected) return clearInterval(timer);
      if (calling || !one.record.run || one.settled === one.record.run) return;
      const wait = !isVisible(element) ? HEARTBEAT_MS : misses ? RETRY_MS : POLL_MS;
      if (performance.now() - one.lastCall >= wait || one.lastCall === 0) poll();
    }, POLL_MS / 2);

    watch("value", follow);
    follow();
  }

  function statusLine(record) {
    const strong = (text) => make("b", "", text);
    const { status, reason, step, steps } = record;
    const place = [strong(whole(step)), ` of ${whole(steps)}`];
    if (status === "running") {
      const rest = [];
      if (record.tokens_per_second) rest.push(`${whole(record.tokens_per_second)} tokens/s`);
      if (record.seconds_left !== null) rest.push(`${duration(record.seconds_left)} left`);
      return ["step ", ...place, ...rest.map((text) => ` · ${text}`)];
    }
    if (status === "paused") return [strong("paused"), " at step ", ...place];
    if (status === "finished") return [strong("finished"), `: ${whole(step)} steps`];
    if (status === "stopped") return [strong("stopped"), " at step ", ...place];
    if (status === "queued") return [`queued: ${reason || "starts when a place is free"}`];
    if (status === "starting") return ["starting …"];
    if (status === "failed") return [strong("failed"), `: ${reason || "no reason was given"}`];
    if (status === "unknown") return [reason || "this run is no longer here: press Train"];
    return [record.run ? "loading …" : "nothing trained yet: press Train"];
  }

  function ladderNote(record) {
    const best = Number.isFinite(record.best) ? record.best.toFixed(2) : "";
    const doing = { queued: "queued", starting: "training", running: "training", paused: "paused" };
    return [doing[record.status], best].filter(Boolean).join(" · ");
  }

  // ---------------------------------------------------------------- notes on the ladder

  const notes = new Map();

  /** Writes a second line on the button of a Gradio tab, and keeps it there. */
  function tabNote(tab, text) {
    notes.set(tab, text);
    writeNote(tab);
  }

  function writeNote(tab) {
    const node = document.getElementById(`${tab}-button`);
    const text = notes.get(tab) ?? "";
    if (node && node.dataset.note !== text) {
      node.dataset.note = text;
      node.dataset.live = /^(training|paused|queued)/.test(text);
    }
  }

  function ladderNotes(element, props, watch) {
    const write = () => {
      for (const [tab, text] of Object.entries(props.value ?? {})) tabNote(tab, text);
    };
    watch("value", write);
    write();
    const rewrite = () => [...notes.keys()].forEach(writeNote);
    const bar = document.querySelector(".ladder .tab-wrapper");
    if (bar) new MutationObserver(rewrite).observe(bar, { childList: true, subtree: true });
  }

  // ---------------------------------------------------------------- the loss chart

  const LOG_LOSSES = [0.5, 0.7, 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7, 10];
  const PLOT_CONFIG = {
    displayModeBar: false,
    displaylogo: false,
    showSendToCloud: false,
    doubleClick: false,
    responsive: false,
  };

  class LossChart {
    constructor(element, props, watch) {
      this.props = props;
      this.feed = feed(props.feed);
      this.axis = "step";
      this.logX = this.logY = this.zoomed = this.dirty = false;
      this.revision = 0;
      this.build(element);
      watch("value", () => this.draw());
      this.feed.subscribe((record, change) => this.hear(record, change), element);
      onTheme(element, () => this.draw());
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
      this.words.textContent = record.summary || "";
      this.plot.setAttribute("aria-label", `Loss chart. ${record.summary || ""}`);
      if (change.reset) {
        this.zoomed = false;
        this.revision += 1;
        this.draw();
      } else if (record.train.step.length > change.from || change.events.length) {
        this.append(record, change);
      }
    }

    redrawFrom() {
      this.zoomed = false;
      this.revision += 1;
      this.draw();
    }

    resized() {
      if (this.dirty) this.draw();
      else if (this.plot.data) Plotly.Plots.resize(this.plot);
    }

    /** x positions of points that have a step and, where known, seconds. */
    positions(record, steps, seconds) {
      if (this.axis === "seconds") return seconds;
      return this.axis === "tokens" ? steps.map((s) => s * record.tokens_per_step) : steps;
    }

    /** What each trace shows, from train point `from` on and for these events. */
    columns(record, from, events) {
      const { step, loss, smooth, seconds } = record.train;
      const x = this.positions(record, step.slice(from), seconds.slice(from));
      // the evaluation before the first step has no place on a logarithmic axis
      const first = this.logX ? 1 : 0;
      const dots = events.filter((one) => one.type === "evaluation" && one.step >= first);
      return {
        raw: [x, loss.slice(from)],
        smooth: [x, smooth.slice(from)],
        validation: [
          this.positions(record, dots.map((e) => e.step), dots.map((e) => e.seconds)),
          dots.map((e) => e.loss),
        ],
      };
    }

    append(record, change) {
      if (!this.plot.data || !isVisible(this.plot)) {
        this.dirty = true;
        return;
      }
      if (this.dirty) return this.draw();
      if (change.events.some((event) => event.type === "learning_rate")) return this.draw();
      const columns = this.columns(record, change.from, change.events);
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

    /** The part of the axes worth looking at, in plotly's terms (powers of ten on a log axis). */
    ranges(record, meta) {
      const { step, seconds, smooth } = record.train;
      const last = step.length - 1;
      let length = Math.max(record.steps || meta.steps, last >= 0 ? step[last] : 0);
      let first = 1;
      if (this.axis === "tokens") {
        first = record.tokens_per_step;
        length *= record.tokens_per_step;
      } else if (this.axis === "seconds") {
        const elapsed = last >= 0 ? seconds[last] : 1;
        // round up so that the axis grows in jumps, not with each answer
        const left = LIVE.has(record.status) ? record.seconds_left ?? elapsed * 0.5 : 0;
        const unit = Math.max(1, 10 ** Math.floor(Math.log10(elapsed + left)) / 2);
        length = left ? Math.ceil((elapsed + left) / unit) * unit : elapsed;
        first = Math.max(last >= 0 ? seconds[0] : 0, length / 1000);
      }
      let { low } = meta;
      const lowest = Math.min(record.best ?? Infinity, last > 20 ? smooth[last] : Infinity);
      if (lowest < low + 0.04) low = lowest - 0.06 * (meta.high - lowest);
      const log = Math.log10;
      return {
        x: this.logX ? [log(first), log(length)] : [0, length],
        y: this.logY ? [log(Math.max(low, 0.001)), log(meta.high)] : [low, meta.high],
      };
    }

    adaptRanges(record) {
      if (this.zoomed) return;
      const { layout } = this.plot;
      const { x, y } = this.ranges(record, this.props.value.layout.meta);
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
      const { record, previous } = this.feed;
      const columns = this.columns(record, 0, record.events);
      this.ghostKey.hidden = !previous;
      if (previous) columns.ghost = this.columns(previous, 0, []).smooth;
      const data = figure.data.map((trace) => {
        const [x, y] = columns[trace.meta.role] ?? [[], []];
        const paint = colour(trace.meta.colour);
        const line = { ...trace.line, color: paint };
        return { ...trace, x: [...x], y: [...y], line, marker: { ...trace.marker, color: paint } };
      });
      Plotly.react(this.plot, data, this.layout(figure.layout, record), PLOT_CONFIG).then(() => {
        if (this.listening) return;
        this.listening = true;
        this.plot.on("plotly_relayout", (event) => {
          if ("xaxis.range[0]" in event || "yaxis.range[0]" in event) this.zoomed = true;
        });
        this.plot.on("plotly_doubleclick", () => this.redrawFrom());
      });
    }

    layout(layout, record) {
      const { meta } = layout;
      const { x, y } = this.ranges(record, meta);
      const place = (value) => (this.logY ? Math.log10(value) : value);
      const shapes = layout.shapes.map((shape) => ({ ...shape }));
      const annotations = layout.annotations.map((note, index) => ({
        ...note,
        y: place(meta.label_y[index]),
      }));
      for (const event of record.events.filter((one) => one.type === "learning_rate")) {
        this.markRate(record, event, shapes, annotations);
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
        uirevision: `${this.revision}`,
        dragmode: coarse ? false : "zoom", // a finger scrolls the page
        font: { color: colour("ink") },
        hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
        margin: { ...layout.margin, r: this.plot.clientWidth < 480 ? 86 : layout.margin.r },
        xaxis: axis(layout.xaxis, this.logX, x, { dtick: 1 }),
        yaxis: axis(layout.yaxis, this.logY, y, { tickmode: "array", tickvals: LOG_LOSSES }),
        shapes,
        annotations,
      };
    }

    markRate(record, event, shapes, annotations) {
      const [at] = this.positions(record, [event.step], [event.seconds ?? secondsAt(record, event.step)]);
      const line = { color: colour("ink"), width: 1, dash: "dot" };
      shapes.push({ type: "line", layer: "below", yref: "paper", x0: at, x1: at, y0: 0, y1: 1, line });
      annotations.push({
        text: `rate ${Number(event.learning_rate.toPrecision(2))}`,
        x: this.logX ? Math.log10(Math.max(at, 1e-3)) : at,
        y: 0.92,
        yref: "paper",
        xanchor: "left",
        yanchor: "top",
        xshift: 3,
        showarrow: false,
        font: { size: 10 },
      });
    }

    download() {
      const { record } = this.feed;
      const rows = new Map();
      const row = (step) => {
        if (!rows.has(step)) rows.set(step, [step, "", "", "", ""]);
        return rows.get(step);
      };
      record.train.step.forEach((step, i) => {
        const cells = [record.train.seconds[i], record.train.loss[i], record.train.smooth[i]];
        row(step).splice(1, 3, ...cells);
      });
      for (const event of evaluations(record)) {
        const cells = row(event.step);
        if (cells[1] === "") cells[1] = event.seconds;
        cells[4] = event.loss;
      }
      const head = "step,seconds,train_loss,train_loss_smoothed,validation_loss";
      const lines = [...rows.values()].sort((a, b) => a[0] - b[0]).map((cells) => cells.join(","));
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([[head, ...lines, ""].join("\n")], { type: "text/csv" }));
      link.download = `${this.props.feed}-loss.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  function secondsAt(record, step) {
    const index = record.train.step.findIndex((s) => s >= step);
    return index < 0 ? record.train.seconds.at(-1) ?? 0 : record.train.seconds[index];
  }

  function press(pill, on) {
    pill.classList.toggle("on", on);
    pill.setAttribute("aria-pressed", String(on));
  }

  // ---------------------------------------------------------------- samples while it learns

  function diary(element, props) {
    const head = make("div", "figure-head");
    head.append(make("span", "figure-title", "Samples while it learns"));
    if (props.prompt) head.append(make("span", "chip", `prompt: “${shown(props.prompt)}”`));
    const list = make("div", "diary-list");
    list.tabIndex = 0;
    list.setAttribute("aria-label", "Samples while it learns");
    const frame = make("div", "diary");
    frame.append(head, list);
    element.replaceChildren(frame);

    const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const toEnd = () => {
      list.scrollTop = list.scrollHeight;
    };
    let sticky = true;
    list.addEventListener("scroll", () => {
      sticky = atEnd();
    });
    onShown(list, () => sticky && toEnd());

    feed(props.feed).subscribe((record, change) => {
      const samples = change.events.filter((event) => event.type === "sample");
      if (change.reset) {
        list.replaceChildren();
        sticky = true;
      }
      for (const event of samples) {
        const row = make("div", "diary-row");
        const when = make("div", "diary-step", `step ${whole(event.step)}`);
        const loss = evaluations(record).filter((one) => one.step <= event.step).at(-1)?.loss;
        if (Number.isFinite(loss)) when.append(make("span", "", `loss ${loss.toFixed(2)}`));
        const text = make("div", "diary-text", event.text);
        text.title = "Click to see all of it";
        text.addEventListener("click", () => text.classList.toggle("open"));
        row.append(when, text);
        list.append(row);
      }
      if (!list.children.length && change.reset) {
        list.append(make("div", "empty", "The first sample comes with the first steps."));
      } else if (samples.length) {
        list.querySelector(".empty")?.remove();
      }
      if (sticky) toEnd();
    }, element);
  }

  // ---------------------------------------------------------------- attention

  function hexParts(hex) {
    const digits = hex.replace("#", "");
    return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
  }

  const mix = (a, b, share) => a.map((part, i) => Math.round(part + (b[i] - part) * share));
  const rgb = (parts) => `rgb(${parts.join(",")})`;

  class AttentionView {
    constructor(element, props, watch, server) {
      this.element = element;
      this.props = props;
      this.server = server;
      this.feed = feed(props.feed);
      this.run = props.value?.run ?? null;
      this.text = props.text ?? "";
      this.step = null; // null: follow the newest snapshot
      this.steps = [];
      this.layer = this.head = 0;
      this.pinned = this.pointed = null;
      this.calling = this.wanted = false;
      this.answer = null;
      this.build(element);
      watch("value", () => this.follow(props.value?.run ?? null));
      this.feed.subscribe((record, change) => this.hear(record, change), element);
      onTheme(element, () => this.render());
      onShown(this.plot, () => (this.wanted ? this.look() : this.fit()));
      this.look();
    }

    build(element) {
      const attends = this.props.attends;
      this.title = make("span", "figure-title", attends ? "Attention" : "Next character");
      const unit = attends ? "rows look at columns" : "rows: this one, columns: the next";
      this.layerPills = make("span", "pills");
      const enlarge = button("⤢", "icon-button", "Enlarge (Escape to close)", () => this.enlarge());
      const tools = make("span", "figure-tools");
      tools.append(this.layerPills, enlarge);
      const head = make("div", "figure-head");
      head.append(this.title, make("span", "figure-unit", unit), tools);

      this.thumbs = make("div", "thumbs");
      this.words = make("p", "figure-words");
      const side = make("div", "attention-side");
      side.append(this.thumbs, this.words);
      this.plot = make("div", "plot");
      const body = make("div", "attention-body");
      body.append(side, this.plot);

      this.strip = make("div", "token-strip");
      this.strip.setAttribute("aria-label", "the text, redder where the next character surprised");
      this.input = make("input", "text-input");
      this.input.type = "text";
      this.input.placeholder = "your own text";
      this.input.setAttribute("aria-label", "Text to look at");
      this.input.value = this.text;
      const changed = debounce(() => {
        this.text = this.input.value;
        this.pinned = null;
        this.look();
      }, 350);
      this.input.addEventListener("input", changed);

      this.slider = make("input", "snapshot-slider");
      this.slider.type = "range";
      this.slider.min = 0;
      this.slider.setAttribute("aria-label", "Snapshot of the run");
      const scrub = debounce(() => this.look(), 60);
      this.slider.addEventListener("input", () => {
        this.stopReplay();
        this.choose(Number(this.slider.value));
        scrub();
      });
      this.play = button("▶", "icon-button", "Replay the run", () => this.replay());
      this.stepWords = make("span", "snapshot-step");
      const snapshots = make("div", "snapshots");
      snapshots.append(this.play, make("span", "figure-unit", "step"), this.slider, this.stepWords);
      const foot = make("div", "attention-foot");
      foot.append(this.input, snapshots);

      this.note = make("div", "figure-note");
      this.frame = make("div", `attention-view${attends ? "" : " is-table"}`);
      this.frame.append(head, this.note, body, this.strip, foot);
      element.replaceChildren(this.frame);
      this.listenToTokens();
    }

    listenToTokens() {
      tooltip(this.strip, ".token", (tip, token) => {
        const loss = this.answer?.losses?.[Number(token.dataset.index)];
        tip.append(make("b", "", `“${shown(token.textContent)}”`));
        const known = Number.isFinite(loss);
        const chance = known ? Math.exp(-loss) : 0;
        const percent = chance < 0.001 ? "under 0.1" : (100 * chance).toFixed(1);
        const text = known
          ? ` surprise ${loss.toFixed(2)} nats, probability ${percent} %`
          : " the first character: nothing predicts it";
        tip.append(text);
      });
      const point = (event, act) => {
        const token = event.target.closest(".token");
        if (token) act(Number(token.dataset.index));
      };
      this.strip.addEventListener("pointerover", (event) => point(event, (row) => this.point(row)));
      this.strip.addEventListener("pointerleave", () => this.point(null));
      this.strip.addEventListener("click", (event) => point(event, (row) => this.pin(row)));
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && this.frame.classList.contains("enlarged")) this.enlarge();
      });
    }

    enlarge() {
      const on = this.frame.classList.toggle("enlarged");
      document.body.classList.toggle("playground-enlarged", on);
      this.fit();
    }

    // -- which run, which snapshot

    follow(run) {
      if (run === this.run) return;
      this.run = run;
      this.step = null;
      this.steps = [];
      this.stopReplay();
      this.frame.classList.add("waiting"); // the picture is of the run before
      this.look();
    }

    hear(record, change) {
      if (record.run && record.run !== this.run) this.follow(record.run);
      this.live = LIVE.has(record.status);
      const fresh = change.events.filter((event) => event.type === "snapshot");
      if (!fresh.length) return;
      const known = new Set(this.steps);
      for (const { step } of fresh) if (!known.has(step)) this.steps.push(step);
      this.steps.sort((a, b) => a - b);
      this.showSteps();
      if (this.step === null && this.steps.at(-1) !== this.answer?.step) this.look();
    }

    choose(index) {
      this.step = index >= this.steps.length - 1 ? null : this.steps[index];
      this.showSteps();
    }

    showSteps() {
      const last = this.steps.length - 1;
      const index = this.step === null ? last : this.steps.indexOf(this.step);
      this.slider.max = Math.max(last, 0);
      this.slider.value = Math.max(index, 0);
      this.slider.disabled = last < 1;
      const part = last > 0 ? (100 * Math.max(index, 0)) / last : 100;
      this.slider.style.setProperty("--range_progress", `${part}%`);
      this.play.disabled = last < 1;
      this.stepWords.textContent = last < 0 ? "–" : whole(this.steps[Math.max(index, 0)]);
      const following = this.step === null && this.live;
      this.stepWords.classList.toggle("following", Boolean(following));
      this.stepWords.title = following ? "follows the run: newest snapshot" : "";
    }

    replay() {
      if (this.replaying) return this.stopReplay();
      let index = this.step === null ? 0 : Math.max(0, this.steps.indexOf(this.step));
      this.play.textContent = "❚❚";
      const next = () => {
        if (!this.element.isConnected || index >= this.steps.length) return this.stopReplay();
        if (!this.calling) {
          this.choose(index);
          this.look();
          index += 1;
        }
      };
      this.replaying = setInterval(next, 400);
      next();
    }

    stopReplay() {
      clearInterval(this.replaying);
      this.replaying = 0;
      this.play.textContent = "▶";
    }

    // -- asking the server: one call out at a time, only while someone can see it

    async look() {
      this.wanted = true;
      if (!this.run || this.calling || !isVisible(this.frame)) return;
      this.calling = true;
      while (this.wanted && this.run) {
        this.wanted = false;
        const { run, text } = this;
        const answer = await ask(this.server, "look", run, this.step, text);
        if (run === this.run) this.take(answer);
      }
      this.calling = false;
    }

    take(answer) {
      if (!answer || answer.error) {
        this.note.textContent = answer?.error ?? "No answer from the server; it is asked again soon.";
        if (!answer) setTimeout(() => this.element.isConnected && this.look(), 3000);
        return;
      }
      this.note.textContent = answer.note ?? "";
      this.answer = answer;
      this.frame.classList.remove("waiting");
      const all = new Set([...this.steps, ...(answer.steps ?? [])]);
      this.steps = [...all].sort((a, b) => a - b);
      this.showSteps();
      if (answer.weights) {
        const bytes = atob(answer.weights);
        answer.bytes = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
        this.layer = Math.min(this.layer, answer.layers - 1);
        this.head = Math.min(this.head, answer.heads - 1);
        if (this.pinned !== null && this.pinned >= answer.tokens.length) this.pinned = null;
      }
      this.render();
    }

    // -- drawing

    render() {
      const { answer } = this;
      if (!answer) return;
      if (answer.kind === "table") return this.renderTable();
      this.renderPills();
      this.renderThumbs();
      this.renderStrip();
      this.renderHead();
    }

    renderPills() {
      const { layers } = this.answer;
      this.layerPills.hidden = layers < 2;
      if (this.layerPills.children.length !== layers) {
        this.layerPills.replaceChildren(
          ...Array.from({ length: layers }, (_, layer) =>
            button(layers > 6 ? `${layer + 1}` : `layer ${layer + 1}`, "pill-button", "", () => {
              this.layer = layer;
              this.render();
            }),
          ),
        );
      }
      [...this.layerPills.children].forEach((pill, layer) => press(pill, layer === this.layer));
    }

    /** One byte for each weight of a head, row after row. */
    weights(head) {
      const { tokens, heads, bytes } = this.answer;
      const size = tokens.length ** 2;
      const start = (this.layer * heads + head) * size;
      return bytes.subarray(start, start + size);
    }

    hue(head) {
      const hues = this.answer.figure.layout.meta.hues;
      return hues[head % hues.length][isDark() ? "dark" : "light"];
    }

    renderThumbs() {
      const { heads, tokens } = this.answer;
      this.frame.classList.toggle("one-head", heads < 2);
      this.thumbs.classList.toggle("many", heads > 4);
      if (this.thumbs.children.length !== heads) {
        this.thumbs.replaceChildren(
          ...Array.from({ length: heads }, (_, head) => {
            const node = button("", "thumb", `head ${head + 1}`, () => {
              this.head = head;
              this.render();
            });
            node.setAttribute("aria-label", `head ${head + 1}`);
            node.append(make("canvas"));
            return node;
          }),
        );
      }
      [...this.thumbs.children].forEach((node, head) => {
        node.classList.toggle("on", head === this.head);
        node.setAttribute("aria-pressed", String(head === this.head));
        node.style.setProperty("--hue", this.hue(head));
        this.paint(node.firstChild, this.weights(head), tokens.length, this.hue(head));
      });
    }

    paint(canvas, weights, length, hue) {
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

    renderStrip() {
      const { tokens, losses } = this.answer;
      this.strip.replaceChildren(
        ...tokens.map((token, index) => {
          const node = make("span", "token", token);
          if (token === "\n") node.textContent = "↵";
          node.dataset.index = index;
          const loss = losses?.[index];
          const surprise = Number.isFinite(loss) ? Math.min(loss / MAX_SURPRISE, 1) : 0;
          node.style.setProperty("--surprise-share", `${Math.round(100 * surprise)}%`);
          return node;
        }),
      );
      this.dim();
    }

    renderHead() {
      const { answer, head } = this;
      const length = answer.tokens.length;
      const weights = this.weights(head);
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
        [1, this.hue(head)],
      ];
      const trace = { ...answer.figure.data[0], z, colorscale, xgap: 0, ygap: 0 };
      if (length <= 40) trace.xgap = trace.ygap = 0.6;
      this.draw([trace], { ...answer.figure.layout, plot_bgcolor: colour("masked") });
      this.say();
    }

    renderTable() {
      const { figure, summary } = this.answer;
      const zero = colour("zero");
      const { hues } = figure.layout.meta;
      const full = hues[0][isDark() ? "dark" : "light"];
      const half = rgb(mix(hexParts(zero), hexParts(full), 0.55));
      const colorscale = [
        [0, zero],
        [0.25, half],
        [1, full],
      ];
      this.words.textContent = summary ?? "";
      this.draw(
        figure.data.map((trace) => ({ ...trace, colorscale })),
        { ...figure.layout },
      );
    }

    draw(data, layout) {
      if (!isVisible(this.plot)) {
        this.wanted = true; // drawn when the tab is shown again
        return;
      }
      const length = this.answer.tokens?.length;
      const axes = length ? this.fitAxes(layout, length) : {};
      Plotly.react(
        this.plot,
        data,
        {
          ...layout,
          ...axes,
          autosize: true,
          dragmode: false,
          font: { color: colour("ink") },
          hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
          shapes: this.curtains(),
        },
        PLOT_CONFIG,
      ).then(() => {
        if (this.listening || !length) return;
        this.listening = true;
        this.plot.on("plotly_hover", ({ points }) => this.point(points[0].pointIndex[0]));
        this.plot.on("plotly_unhover", () => this.point(null));
        this.plot.on("plotly_click", ({ points }) => this.pin(points[0].pointIndex[0]));
      });
    }

    /** Tick labels as large as the cells allow; none where they would overlap. */
    fitAxes(layout, length) {
      const { l, r, t, b } = layout.margin;
      const axis = (old, pixels, narrowest, share) => {
        const cell = pixels / length;
        const size = Math.max(6, Math.min(11, Math.floor(cell * share)));
        const tickfont = { ...old.tickfont, size };
        return { ...old, tickfont, showticklabels: cell >= narrowest, ticks: "" };
      };
      return {
        xaxis: axis(layout.xaxis, this.plot.clientWidth - l - r, 4.6, 1.4),
        yaxis: axis(layout.yaxis, this.plot.clientHeight - t - b, 6.2, 1.15),
      };
    }

    fit() {
      if (!this.plot.data) return this.render();
      if (this.answer?.tokens) this.renderHead();
      Plotly.Plots.resize(this.plot);
    }

    // -- one position in focus, the others dimmed

    get focus() {
      return this.pointed ?? this.pinned;
    }

    point(row) {
      if (row === this.pointed) return;
      this.pointed = row;
      this.refocus();
    }

    pin(row) {
      this.pinned = this.pinned === row ? null : row;
      this.refocus();
    }

    refocus() {
      cancelAnimationFrame(this.frameRequest);
      this.frameRequest = requestAnimationFrame(() => {
        if (!this.plot.data || !this.answer?.tokens) return;
        Plotly.relayout(this.plot, { shapes: this.curtains() });
        this.dim();
        this.say();
      });
    }

    /** Two half-transparent sheets, above and below the row in focus. */
    curtains() {
      const row = this.focus;
      const length = this.answer.tokens?.length;
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

    dim() {
      const row = this.focus;
      const length = this.answer.tokens.length;
      const weights = row === null ? null : this.weights(this.head).subarray(row * length);
      [...this.strip.children].forEach((node, index) => {
        node.classList.toggle("looks", index === row);
        const strength = weights && index <= row ? weights[index] / 255 : 0;
        node.style.opacity = row === null || index === row ? "" : 0.25 + 0.75 * strength;
      });
    }

    say() {
      const { answer, head, layer } = this;
      const row = this.focus;
      const name = make("b", "", `Head ${head + 1}`);
      if (row === null) {
        const text = answer.summaries?.[layer]?.[head] ?? "";
        this.words.replaceChildren(name, ` ${text.charAt(0).toLowerCase()}${text.slice(1)}`);
        return;
      }
      const { tokens } = answer;
      const weights = this.weights(head).subarray(row * tokens.length, row * tokens.length + row + 1);
      const top = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 3);
      const places = top.map((i) => `“${shown(tokens[i])}” ${(weights[i] / 255).toFixed(2)}`);
      const who = make("b", "", `“${shown(tokens[row])}” at ${row + 1}`);
      this.words.replaceChildren(who, ` looks at ${places.join(", ")}`);
    }
  }

  // ---------------------------------------------------------------- writing

  /** Shows generated text token by token; only what is new is added. */
  function writing(element, props, watch) {
    const text = make("div", "written");
    const note = make("div", "figure-note");
    element.replaceChildren(text, note);
    let tokens = [];
    let prompt = null;

    const render = () => {
      const value = props.value;
      note.textContent = value?.note ?? "";
      element.classList.toggle("has-text", Boolean(value));
      if (!value) {
        text.replaceChildren();
        tokens = [];
        prompt = null;
        return;
      }
      const next = value.tokens ?? [];
      const last = tokens.length - 1;
      const goesOn =
        value.prompt === prompt && next.length > last && (last < 0 || next[last][0] === tokens[last][0]);
      if (!goesOn) {
        text.replaceChildren(make("span", "prompt-text", value.prompt));
        tokens = [];
        prompt = value.prompt;
      }
      const follows = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
      for (const [index, token] of next.slice(tokens.length).entries()) {
        const node = make("span", "made", token[0]);
        node.dataset.index = tokens.length + index;
        text.append(node);
      }
      tokens = next;
      text.classList.toggle("writes", !value.done);
      if (follows) text.scrollTop = text.scrollHeight;
    };

    tooltip(text, ".made", (tip, target) => {
      const [made, probability, others] = tokens[Number(target.dataset.index)] ?? ["", 0, []];
      const percent = (p) => `${(100 * p).toFixed(p < 0.1 ? 1 : 0)} %`;
      tip.append(make("b", "", `“${shown(made)}” ${percent(probability)}`));
      for (const [other, p] of others ?? []) {
        const row = make("div", other === made ? "tip-row chosen" : "tip-row");
        const bar = make("span", "tip-bar");
        bar.style.width = `${Math.round(80 * p)}px`;
        row.append(make("span", "tip-token", shown(other)), bar, make("span", "", percent(p)));
        tip.append(row);
      }
    });
    watch("value", render);
    render();
  }

  // ---------------------------------------------------------------- the header

  function headerTools(element, props) {
    const share = button("Share", "header-button", "Copy a link to this page as it is set", async () => {
      const query = props.value?.query;
      const base = `${location.origin}${location.pathname}`;
      await copyLink(query === undefined ? location.href : query ? `${base}?${query}` : base);
      share.textContent = "Copied";
      setTimeout(() => {
        share.textContent = "Share";
      }, 1500);
    });
    const dark = button("◐", "header-button", "Dark or light", toggleTheme);
    dark.setAttribute("aria-label", "Dark or light");
    const tools = make("div", "header-buttons");
    tools.append(share, dark);
    element.replaceChildren(tools);
    applyStoredTheme();
  }

  async function copyLink(link = location.href) {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      window.prompt("Copy this link", link); // no clipboard without https
    }
  }

  new MutationObserver(watchTheme).observe(document.body, { attributeFilter: ["class"] });
  watchTheme();

  return {
    feed,
    stale,
    nudge,
    tabNote,
    toggleTheme,
    copyLink,
    runFeed,
    diary,
    writing,
    headerTools,
    ladderNotes,
    liveFigure: (...args) => new LossChart(...args),
    attentionView: (...args) => new AttentionView(...args),
  };
})();
