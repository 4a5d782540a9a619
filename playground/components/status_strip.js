// How a run stands, in one line over a bar; it also does the polling for its rung.
"use strict";

{
  const { make, isVisible } = Playground.parts.dom;
  const { whole, duration } = Playground.parts.wording;
  const { LIVE, ask, feed, stale } = Playground.parts.feed;
  const { tabNote, ladderNote } = Playground.parts.ladder;

  const POLL_MS = 200;
  const EAGER_MS = 60; // while something is awaited: what a click brings, the first points of a run
  // In the middle of a long run the curve moves slowly, and training needs the processor:
  const PATIENT_MS = 1000;
  const LEFT_SHARE = 5; // milliseconds between calls for each second left,
  const TRAINED_SHARE = 100; // and for each second of training so far
  const HEARTBEAT_MS = 5000;
  const RETRY_MS = 1000;
  const BEGIN_MS = 120000; // a run may begin with a text that has to be fetched and counted first
  const MISSES = 3; // missed answers in a row before the page says so
  const NO_ANSWER = "The server does not answer: try again in a moment.";
  const DOUBLE_CLICK_MS = 600;
  const ORDERS = {
    // and whether a record shows that it was obeyed
    pause: ({ status }) => status === "paused" || !LIVE.has(status),
    resume: ({ status }) => status !== "paused",
    stop: ({ status }) => !LIVE.has(status),
  };

  /** The status strip; it also polls for its rung and sends Pause, Resume and Stop. */
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

    const follow = () => {
      one.follow(props.value?.run ?? null);
      if (props.value?.stale) stale(props.feed, true);
    };
    let latest = 0; // the number of the last call
    let order = null; // {run, name}: what was clicked and is not yet answered
    let calling = false;
    let beginning = false;
    let begun = -Infinity; // when a run was last begun
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
          ? LIVE.has(record.status)
            ? "Settings changed: this run goes on with the old ones. Reset begins with the new."
            : "Settings changed: the run you see has others. Press Train."
          : ""
        : "connection lost, trying again";
      if (props.tab && record.status) tabNote(props.tab, ladderNote(record));
    }, element);

    const pace = () => {
      if (!isVisible(element)) return HEARTBEAT_MS;
      if (misses) return RETRY_MS;
      if (one.eager()) return EAGER_MS;
      const { seconds_left: left, train } = one.record;
      const trained = train.seconds.at(-1) ?? 0;
      return Math.max(POLL_MS, Math.min(PATIENT_MS, LEFT_SHARE * left, TRAINED_SHARE * trained));
    };

    /** Asks for news, and gives the order there may be. An earlier call's answer is no longer waited for. */
    async function call() {
      const { record } = one;
      const { run } = record;
      const mine = ++latest;
      if (order?.run !== run) order = null; // it was for the run before
      const given = order;
      calling = true;
      one.lastCall = performance.now();
      const known = [run, record.train.step.length, record.events.length];
      const answer = given
        ? await ask(server, "order", [...known, given.name])
        : await ask(server, "poll", known);
      if (mine !== latest) return;
      calling = false;
      if (one.record.run !== run) return;
      misses = answer ? 0 : misses + 1;
      const connected = misses < MISSES;
      const changed = connected !== one.connected;
      one.connected = connected;
      if (answer) {
        order = null;
        const news = one.accept(answer);
        one.settled = !LIVE.has(answer.status) && !news ? run : null;
      } else if (changed) {
        one.publish({ reset: false, from: record.train.step.length, events: [] });
      }
    }

    const pollIfDue = () => {
      if (calling || !one.record.run || one.settled === one.record.run) return;
      if (performance.now() - one.lastCall >= pace() || one.lastCall === 0) {
        call().then(() => one.lastCall === 0 && pollIfDue()); // somebody could not wait
      }
    };

    // All that is done to a run goes straight to the server: an event of Gradio's keeps the browser busy for
    // longer than the run takes to obey. Its frontend is only asked for the settings (`inputs`, those of
    // `Actions.begin`), and told what to show: token, feed, chart, notice.
    one.begin = async (name, inputs) => {
      if (beginning) return [];
      beginning = true;
      begun = performance.now();
      const answer = await ask(server, "begin", [name, ...inputs], BEGIN_MS);
      beginning = false;
      const error = answer ? answer.error : NO_ANSWER;
      const notice = { __type__: "update", value: error ?? "", visible: Boolean(error) };
      if (error) return [undefined, undefined, undefined, notice];
      if (answer.run) return [answer.run, { run: answer.run }, answer.chart, notice];
      one.expectStep();
      return [];
    };

    // These need nothing but the run.
    element.closest(".run-box").addEventListener("click", ({ target, detail }) => {
      const name = Object.keys(ORDERS).find((order) => target.closest(`#${order}-${props.feed}`));
      if (!name || !element.isConnected || !one.record.run) return;
      // Pause takes the place of Train so soon that the second half of a double click would hit it.
      if (name === "pause" && detail > 1 && performance.now() - begun < DOUBLE_CLICK_MS) return;
      one.expect(ORDERS[name]);
      order = { run: one.record.run, name };
      call();
    });

    one.hurry = pollIfDue;
    const timer = setInterval(() => {
      if (element.isConnected) pollIfDue();
      else clearInterval(timer);
    }, EAGER_MS);

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

  Playground.parts.statusStrip = { runFeed };
}
