// The state of a rung's tab: its run, the step shown, what its controls choose. Its parts find it by `key`.
import { differences, lastRate, learned, recipeOf } from "./choice.js";
import { debounce } from "../basics/dom.js";
import { Feed, LIVE, feedOf, steered } from "./feed.js";
import { moved } from "../page/link.js";
import { Listeners } from "../basics/listeners.js";
import { linkTab, nearest, stepAsked } from "./link.js";

export const SETTLE_MS = 50; // Gradio fills the controls of a run one after the other

const tabs = new Map(); // key -> Tab

export function tab(key) {
  if (!tabs.has(key)) {
    tabs.set(key, new Tab());
    tabs.get(key).linkRun = linkTab(tabs.get(key), key);
  }
  return tabs.get(key);
}

/** {key, record} of the run that each tab of this page shows. */
export const runsShown = () => [...tabs].map(([key, { record }]) => ({ key, record }));

export class Tab {
  constructor() {
    this.feed = new Feed(null); // of the run shown
    this.node = null; // the node for which that run is polled
    this.leave = () => {}; // ends the subscription to that feed
    this.previous = null; // the record of the run shown before, if it had learned anything
    this.step = null; // the snapshot shown; null: the newest
    this.snapshots = []; // the steps of the run shown whose weights are kept, in order
    this.stepAsked = null; // the step of the link with which the page was opened, until its run is here
    this.settings = []; // [name, title, usual value] of each setting
    this.recipes = []; // [name, values of the settings] of each recipe
    this.chosen = null; // {text, values}: what the controls show
    this.chooseAgain = () => {}; // takes what they show anew: other pairs, or the run whose pairs are cut so
    this.trained = null; // the same of the run shown; null: not known
    this.rate = null; // a learning rate that the live run was given a moment ago
    this.differing = []; // the titles of what differs between the two
    this.asked = null; // what Write was last asked for: {run, step, pane, number, chat}
    this.begin = async () => []; // Train, Step and Reset; set by the status strip
    this.refused = null; // the text and settings of the last of them, if the notice says why they were refused
    this.refusedAt = null; // of a refusal that may be because the run trains: {step, trains}
    this.preparing = false; // a run is being begun
    this.stepped = null; // the run that Step began, until a button begins another
    this.withdraw = () => {}; // takes the notice away; set by the status strip
    this.linkRun = () => {}; // tells the address of the run shown
    this.listeners = new Listeners();
    this.stepListeners = new Listeners();
    this.choiceListeners = new Listeners();
    this.compareSoon = debounce(() => this.compare(), SETTLE_MS);
  }

  get record() {
    return this.feed.record;
  }

  get connected() {
    return this.feed.connected;
  }

  /** Whether the text or a setting differs from that of the run shown. */
  get stale() {
    return this.differing.length > 0;
  }

  /** Shows a run. node: the node for which it is polled (polling.js); trained: as in `chosen`, or null. */
  show(run, node, trained = null) {
    if (run === this.record.run && node === this.node) {
      this.trained = trained;
      this.chooseAgain();
      return this.compareSoon();
    }
    this.leave();
    if (run !== this.record.run) {
      this.stepAsked = stepAsked(this);
      // A run of another text has other axes, and its losses mean something else.
      const sameText = !this.trained || !trained || this.trained.text === trained.text;
      if (!sameText) this.previous = null;
      else if (this.record.train.step.length > 1) this.previous = this.record;
      this.step = this.stepAsked;
      this.snapshots = [];
      this.differing = [];
      this.rate = null;
      this.feed = feedOf(run);
      this.feed.expect((record) => record.train.step.length > 0);
    }
    this.trained = trained;
    this.chooseAgain();
    this.compareSoon();
    this.node = node;
    this.leave = this.feed.subscribe((record, change) => this.hear(record, change), node);
  }

  hear(record, change) {
    this.linkRun(record);
    this.withdrawIfEnded(record);
    this.listeners.call(record, change);
    if (change.events.some((event) => event.type === "learning_rate")) {
      this.rate = null;
      this.compare();
    }
  }

  /** Takes the notice away that Go on was refused since the run trains, from another tab, once that is over. */
  withdrawIfEnded({ status, step }, at = this.refusedAt) {
    if (at && LIVE.has(status)) at.trains = true;
    else if (at?.trains || step > at?.step) {
      this.refused = this.refusedAt = null;
      this.withdraw();
    }
  }

  /** Calls fn(record, change) with the run shown, as `Feed.subscribe` does, whichever run that is. */
  subscribe(fn, node) {
    this.listeners.add(fn, node);
    fn(this.record, { reset: true, from: 0, events: this.record.events });
  }

  /** Shows the snapshot of a step; null: the newest, also when newer ones come. */
  showStep(step) {
    this.step = step;
    this.stepAsked = null;
    this.stepListeners.call(step);
    moved();
  }

  /** The place of the moment among the snapshots. */
  get snapshotIndex() {
    return this.step === null ? this.snapshots.length - 1 : Math.max(0, this.snapshots.indexOf(this.step));
  }

  /** Shows the snapshot at a place; the last one also when newer ones come. */
  showSnapshot(index) {
    const step = index >= this.snapshots.length - 1 ? null : this.snapshots[index];
    if (step !== this.step) this.showStep(step);
  }

  /** Takes the steps of snapshots, in any order, also ones that are known. */
  addSnapshots(steps) {
    const all = [...new Set([...this.snapshots, ...steps])].sort((a, b) => a - b);
    if (all.length === this.snapshots.length) return;
    this.snapshots = all;
    if (this.step !== null && this.step === this.stepAsked) this.step = nearest(all, this.step);
    this.stepListeners.call(this.step);
  }

  onStep(fn, node) {
    this.stepListeners.add(fn, node);
  }

  /** Takes the text and the settings that the controls show. */
  choose(text, values) {
    this.chosen = { text, values };
    this.compareSoon();
    this.choiceListeners.call();
    moved();
  }

  /** The text and the settings of the run shown, [name, value] each; none if they are not known. */
  told() {
    if (!this.trained) return [];
    return [["text", this.trained.text], ...this.settings.map(([name], index) => [name, this.trained.values[index]])];
  }

  /** The recipe that the controls show, or null. */
  get recipe() {
    return this.chosen ? recipeOf(this.settings, this.recipes, this.chosen.values) : null;
  }

  onChoice(fn, node) {
    this.choiceListeners.add(fn, node);
    if (this.chosen) fn();
  }

  compare() {
    const rate = this.rate ?? lastRate(this.record);
    const titles = differences(this.settings, this.chosen, this.trained, rate);
    if (titles.join() === this.differing.join()) return;
    this.differing = titles;
    const { record } = this;
    this.listeners.call(record, { reset: false, from: record.train.step.length, events: [] });
  }
}

/** Whether this page can steer the run shown. */
export const live = (key) => steered(tab(key).record);

/** The inputs [token, learning rate] of a Gradio event, which gives the rate to the run if it is live. */
export function changeRate(key, inputs) {
  if (live(key)) {
    tab(key).rate = Number(inputs[1]);
    tab(key).compare(); // the choice may have been compared with the old rate
  }
  return inputs;
}

/** Train, Step or Reset, with the inputs of Gradio's event; resolves to the event's outputs. at: as of `choose`. */
export const begin = (key, name, [run, text, tokens, ...values], at) =>
  tab(key).begin(name, [run, ...learned(tab(key), text, tokens, values, at).flat()]);
