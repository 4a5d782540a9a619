// The feed of a rung: the record of its run, to which its chart, diary and attention view listen.
// Who calls the server for it: status_strip.js.
"use strict";

{
  const ANSWER_MS = 10000; // a call that takes longer counts as missed
  const EAGER_MS = 1500; // at most, after a click, for what it brings
  const LIVE = new Set(["queued", "starting", "running", "paused"]);

  const feeds = new Map();

  /** The feed of a rung: the record of its run so far, and who wants to hear of news. */
  function feed(key) {
    if (!feeds.has(key)) feeds.set(key, new Feed(key));
    return feeds.get(key);
  }

  /** Calls `server[name](...)`; resolves to null when the server fails, is gone or is too slow. */
  async function ask(server, name, data, patience = ANSWER_MS) {
    const late = new Promise((resolve) => setTimeout(resolve, patience, null));
    try {
      return (await Promise.race([server[name](...data), late])) ?? null;
    } catch {
      return null;
    }
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
      this.clicked = -Infinity; // when something was last done to the run
      this.arrived = () => true; // whether a record shows what that brought
      this.settled = null; // the run that has ended and been read to its end
      this.hurry = () => {}; // ask now, if it is due: set by who does the polling, as is
      this.begin = async () => []; // what Train, Step and Reset do
      this.listeners = new Map();
    }

    /** Something was just done to the run: ask often until it shows, and even if the run had ended. */
    expect(arrived) {
      this.clicked = performance.now();
      this.arrived = arrived;
      this.settled = null;
    }

    /** One more step was asked for. */
    expectStep() {
      const { step } = this.record;
      this.expect((record) => record.step > step);
      this.lastCall = 0;
      this.hurry();
    }

    /** fn(record, change) now with everything so far, then at each piece of news.
     *  change: {reset, from, events} = start anew?, first new train point, the new events. */
    subscribe(fn, node) {
      this.listeners.set(fn, node);
      fn(this.record, { reset: true, from: 0, events: this.record.events });
      return () => this.listeners.delete(fn);
    }

    /** Whether somebody waits for what the next answer may bring. */
    eager() {
      return performance.now() - this.clicked < EAGER_MS && !this.arrived(this.record);
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
      this.expect((record) => record.train.step.length > 0);
      this.publish({ reset: true, from: 0, events: [] });
      this.hurry();
    }

    /** Takes one poll answer; true if it brought points or events. */
    accept(answer) {
      const { record } = this;
      if (answer.run !== record.run) return true; // an answer about a run we have left
      const from = record.train.step.length;
      const fromEvents = record.events.length;
      const { train, events, from: start, from_events: startEvents, ...state } = answer;
      Object.assign(record, state);
      if (!train) {
        // the run is unknown here, for now or for good: say so, and keep what is drawn
        this.publish({ reset: false, from, events: [] });
        return false;
      }
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

  /** Whether the run of this rung can still be steered. */
  const live = (key) => LIVE.has(feed(key).record.status);

  /** Train, Step or Reset, with what Gradio knows; resolves to what it is to show. */
  const begin = (key, name, inputs) => feed(key).begin(name, inputs);

  Playground.parts.feed = { LIVE, ask, feed, evaluations, live, stale, begin };
}
