// Polls the server for a feed, and sends Pause, Resume and Stop with the polls.
import { ask } from "../basics/calls.js";
import { isVisible } from "../basics/dom.js";
import { LIVE } from "./feed.js";

const POLL_MS = 200;
export const EAGER_MS = 60; // while the effect of a click is awaited
// In the middle of a long run the curve moves slowly, and training needs the processor:
const PATIENT_MS = 1000;
const LEFT_SHARE = 5; // milliseconds between calls for each second left,
const TRAINED_SHARE = 100; // and for each second of training so far,
const PLACE_SHARE = 100; // or for each place in the queue
const HIDDEN_MS = 5000; // while nobody can see the run
const RETRY_MS = 1000;
const MISSES = 3; // missed answers in a row before the page says so

// Each order, and whether a record shows that it was obeyed.
export const ORDERS = {
  pause: ({ status }) => status === "paused" || !LIVE.has(status),
  resume: ({ status }) => status !== "paused",
  stop: ({ status }) => !LIVE.has(status),
};

const pollers = new WeakMap(); // Feed -> Poller

/** The poller of a feed, at work. server: of a component whose server functions are `poll` and `order`. */
export function pollerOf(feed, server) {
  if (!pollers.has(feed)) pollers.set(feed, new Poller(feed));
  const poller = pollers.get(feed);
  poller.start(server);
  return poller;
}

/** Milliseconds from one call to the next. */
export function pace(feed, { visible, misses }) {
  if (!visible) return HIDDEN_MS;
  if (misses) return RETRY_MS;
  const { seconds_left: left, train, queue } = feed.record;
  if (queue?.place > 1) return Math.min(PATIENT_MS, Math.max(POLL_MS, PLACE_SHARE * queue.place));
  if (feed.eager()) return EAGER_MS;
  const trained = train.seconds.at(-1) ?? 0;
  return Math.max(POLL_MS, Math.min(PATIENT_MS, LEFT_SHARE * left, TRAINED_SHARE * trained));
}

class Poller {
  constructor(feed) {
    this.feed = feed;
    this.timer = 0;
    this.latest = 0; // number of the last call; the answers to earlier ones are dropped
    this.lastCall = -Infinity; // when that was, in ms
    this.calling = false;
    this.urgent = false; // call as soon as the present call is answered
    this.ordered = null; // an order that is not answered yet
    this.misses = 0;
  }

  start(server) {
    // The Runs tab polls, and gives no orders: a run that a model's tab shows, too, is still steered from there.
    if (!this.server?.order || server.order) this.server = server;
    this.timer ||= setInterval(() => this.callIfDue(), EAGER_MS);
    this.hurry();
  }

  hurry() {
    this.urgent = true;
    this.callIfDue();
  }

  order(name) {
    this.feed.expect(ORDERS[name]);
    this.ordered = name;
    if (name === "stop") this.feed.ending = true;
    this.call();
  }

  callIfDue() {
    const { feed } = this;
    if (!feed.listeners.prune()) {
      clearInterval(this.timer);
      this.timer = 0;
      return;
    }
    if (this.calling || feed.settled || !feed.record.run) return;
    const visible = [...feed.listeners.nodes.values()].some(isVisible);
    const due = this.lastCall + pace(feed, { visible, misses: this.misses });
    if (this.urgent || performance.now() >= due) this.call();
  }

  async call() {
    const { feed } = this;
    const { run, train, events } = feed.record;
    const mine = ++this.latest;
    const order = this.ordered;
    this.calling = true;
    this.urgent = false;
    this.lastCall = performance.now();
    const known = [run, train.step.length, events.length];
    const answer = order
      ? await ask(this.server, "order", [...known, order])
      : await ask(this.server, "poll", known);
    if (mine !== this.latest) return;
    this.calling = false;
    this.misses = answer ? 0 : this.misses + 1;
    const wasConnected = feed.connected;
    feed.connected = this.misses < MISSES;
    if (answer) {
      this.ordered = null;
      feed.accept(answer);
    } else if (feed.connected !== wasConnected) {
      feed.publishState();
    }
    if (this.urgent) this.callIfDue();
  }
}
