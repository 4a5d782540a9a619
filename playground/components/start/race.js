// A race of all models: it is begun on the server, and the feed of each run is drawn as it learns.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { evaluations, feedOf } from "../tab/feed.js";
import { pollerOf } from "../tab/polling.js";

const STATE_MS = 700; // between two questions for the state of a race
const PATIENCE_MS = 60000; // a text may have to be counted first

export class Race {
  /** element: the node for which runs are polled; changed(problem): called with news of any kind. */
  constructor(server, element, changed) {
    Object.assign(this, { server, element, changed });
    this.key = null; // of the race on the server
    this.entries = []; // {model, state, run, problem} of each model
    this.feeds = new Map(); // model -> Feed of its run
    this.words = ""; // what each idea bought, at the end
    this.corpus = this.text = ""; // the key of its text, and the title
    this.lines = {}; // what counting achieves on that
    this.gains = {}; // what each idea bought in nats, by model, at the end
    this.done = this.paused = this.beginning = this.began = false;
  }

  /** Whether there is a race, also one that has ended. */
  get on() {
    return this.key !== null;
  }

  get running() {
    return this.beginning || (this.on && !this.done);
  }

  async begin(text, tokens, budget) {
    if (this.running) return;
    this.beginning = true;
    this.changed();
    const answer = await ask(this.server, "race", [text, tokens, budget], PATIENCE_MS);
    this.beginning = false;
    if (!answer?.race) return this.changed(answer?.error ?? NO_ANSWER);
    this.key = answer.race;
    this.entries = this.entries.map(({ model }) => ({ model, state: "waiting" })); // not the last race's
    this.feeds = new Map();
    Object.assign(this, { words: "", corpus: "", text: "", lines: {}, gains: {} });
    this.done = this.paused = false;
    this.began = true;
    this.changed();
    this.began = false;
    this.follow(this.key);
  }

  async follow(key) {
    while (key === this.key && !this.done && this.element.isConnected) {
      const answer = await ask(this.server, "state", [key]);
      if (key !== this.key) return;
      if (answer?.error) {
        this.key = null;
        return this.changed(answer.error);
      }
      if (answer) this.take(answer);
      this.changed();
      await new Promise((resolve) => setTimeout(resolve, STATE_MS));
    }
  }

  /** The last loss of each model, [{key, loss}]. */
  losses() {
    return this.entries.map(({ model }) => {
      const record = this.feeds.get(model)?.record;
      return { key: model, loss: record && evaluations(record).at(-1)?.loss };
    });
  }

  take(state) {
    Object.assign(this, state);
    for (const { model, run } of state.entries) {
      if (!run || this.feeds.has(model)) continue;
      const feed = feedOf(run);
      this.feeds.set(model, feed);
      feed.subscribe(() => this.changed(), this.element);
      pollerOf(feed, { poll: (...data) => this.server.poll(...data) });
    }
  }

  order(name) {
    if (this.on) ask(this.server, "steer", [this.key, name]);
  }

  pauseOrResume() {
    this.paused = !this.paused;
    this.order(this.paused ? "pause" : "resume");
    this.changed();
  }
}
