// The state of a rung's tab: which run it shows, at which step, and whether the settings differ from
// that run's. The parts of a tab find one another by the rung's name, `key`.
import { LIVE, Feed, feedOf } from "./feed.js";
import { Listeners } from "./listeners.js";

const tabs = new Map(); // key -> Tab

export function tab(key) {
  if (!tabs.has(key)) tabs.set(key, new Tab());
  return tabs.get(key);
}

export class Tab {
  constructor() {
    this.feed = new Feed(null); // of the run shown
    this.node = null; // the node for which that run is polled
    this.leave = () => {}; // ends the subscription to that feed
    this.previous = null; // the record of the run shown before, if it had learned anything
    this.step = null; // the snapshot shown; null: the newest
    this.stale = false; // the settings differ from those of the run shown
    this.begin = async () => []; // Train, Step and Reset; set by the status strip
    this.listeners = new Listeners();
    this.stepListeners = new Listeners();
  }

  get record() {
    return this.feed.record;
  }

  get connected() {
    return this.feed.connected;
  }

  /** Shows a run. node: the node for which the run is polled (polling.js). */
  show(run, node) {
    if (run === this.record.run && node === this.node) return;
    this.leave();
    if (run !== this.record.run) {
      if (this.record.train.step.length > 1) this.previous = this.record;
      this.step = null;
      this.stale = false;
      this.feed = feedOf(run);
      this.feed.expect((record) => record.train.step.length > 0);
    }
    this.node = node;
    this.leave = this.feed.subscribe((record, change) => this.listeners.call(record, change), node);
  }

  /** Calls fn(record, change) with the run shown, as `Feed.subscribe` does, whichever run that is. */
  subscribe(fn, node) {
    this.listeners.add(fn, node);
    fn(this.record, { reset: true, from: 0, events: this.record.events });
  }

  /** Shows the snapshot of a step; null: the newest, also when newer ones come. */
  showStep(step) {
    this.step = step;
    this.stepListeners.call(step);
  }

  onStep(fn, node) {
    this.stepListeners.add(fn, node);
  }

  setStale(value) {
    this.stale = Boolean(value);
    const { record } = this;
    this.listeners.call(record, { reset: false, from: record.train.step.length, events: [] });
  }
}

/** Says whether the settings differ from the run shown. */
export const stale = (key, value) => tab(key).setStale(value);

/** Whether the run shown can still be steered. */
export const live = (key) => LIVE.has(tab(key).record.status);

/** Train, Step or Reset, with the inputs of Gradio's event; resolves to the event's outputs. */
export const begin = (key, name, inputs) => tab(key).begin(name, inputs);

/** The inputs [token, step, ...] of a Gradio event, with the step shown (null: the newest) in its place. */
export const atMoment = (key, [token, , ...rest]) => [token, tab(key).step, ...rest];
