// The feed of a run: its record so far, and the listeners that hear of news. One feed for each run
// token, shared by all tabs that show the run. `polling.js` calls the server for it.
import { Listeners } from "../basics/listeners.js";
import { remember } from "../page/own_runs.js";

export const LIVE = new Set(["queued", "starting", "running", "paused"]);

/** Whether this page can steer a run: it is live, and no other process trains it. */
export const steered = ({ status, ours }) => LIVE.has(status) && ours !== false;

/** Whether a run can be given more steps: it has ended, and is not one that comes with the project. */
export const canGoOn = ({ run, status, elsewhere }) =>
  !elsewhere && (status === "finished" || status === "stopped") && !run?.startsWith("shipped:");

const WATCHED_MS = 60000;
const EAGER_MS = 1500; // longest time of frequent polling after a click

const feeds = new Map(); // run token -> Feed

/** The feed of a run: the one that a tab already shows, or a new one. */
export function feedOf(run) {
  remember(run);
  if (!feeds.has(run)) feeds.set(run, new Feed(run));
  return feeds.get(run);
}

const emptyColumns = () => ({ step: [], loss: [], smooth: [], seconds: [] });

function emptyRecord(run) {
  return {
    run,
    status: null,
    reason: null,
    link: undefined, // the token by which others can open it; null: none; not known yet
    endedElsewhere: false, // this page saw it end, and did not end it
    ours: true, // false: another process trains the run
    queue: null, // {place, of, seconds or null} of a run that waits
    step: 0,
    steps: 0,
    tokens_per_step: 1,
    tokens_per_second: null,
    seconds_left: null,
    summary: "",
    best: null,
    base: null, // the name of what it started from
    chat: false, // whether it has a chat template
    elsewhere: false, // whether it is a model that others trained, as it came
    train: emptyColumns(),
    events: [],
  };
}

export const evaluations = (record) => record.events.filter((event) => event.type === "evaluation");

export class Feed {
  constructor(run) {
    this.record = emptyRecord(run);
    this.connected = true;
    this.ending = false; // this page has told the run to stop
    this.heard = 0; // when the last answer came
    this.settled = false; // the run has ended, and all of its record is here
    this.clicked = -Infinity; // when something was last done to the run, in ms
    this.arrived = () => true; // whether a record shows the effect of that
    this.listeners = new Listeners();
  }

  /** Calls fn(record, change) now with everything so far, then with each piece of news.
   *
   *  change: {reset, from, events} = whether to start anew, the first new train point, the new events.
   *  It ends when `node` has left the page, or with the returned function. */
  subscribe(fn, node) {
    const forget = this.listeners.add(fn, node);
    fn(this.record, { reset: true, from: 0, events: this.record.events });
    return () => {
      forget();
      if (!this.listeners.prune() && feeds.get(this.record.run) === this) {
        feeds.delete(this.record.run);
      }
    };
  }

  publish(change) {
    this.listeners.call(this.record, change);
  }

  /** Publishes a change of state that brings no points. */
  publishState() {
    this.publish({ reset: false, from: this.record.train.step.length, events: [] });
  }

  /** Something was just done to the run: poll often until `arrived(record)`, even if it had ended. */
  expect(arrived) {
    this.clicked = performance.now();
    this.arrived = arrived;
    this.settled = false;
  }

  /** Whether the effect of a click is still to come. */
  eager() {
    return performance.now() - this.clicked < EAGER_MS && !this.arrived(this.record);
  }

  /** Notes whether a run that this page was watching was ended by somebody else: by another tab. */
  noteEnd({ status, ours }) {
    const watching = Date.now() - this.heard < WATCHED_MS; // a run that nobody watches is ended by the server
    const ended = LIVE.has(this.record.status) && status === "stopped" && ours !== false;
    if (ended) this.record.endedElsewhere = watching && !this.ending;
    else if (LIVE.has(status)) this.record.endedElsewhere = false;
    this.heard = Date.now();
  }

  /** Takes the answer to a poll (its fields: playground/runs/run_view.py). */
  accept(answer) {
    const { record } = this;
    const from = record.train.step.length;
    this.noteEnd(answer);
    const { train, events, from: start, from_events: startEvents, ...state } = answer;
    Object.assign(record, state);
    if (!train) {
      // The server does not know the run, for now or for good: the points that are here stay.
      this.settled = !LIVE.has(record.status);
      this.publishState();
    } else if (start !== from || startEvents !== record.events.length) {
      // The run was rewound, or answers crossed: ask for all of it again.
      record.train = emptyColumns();
      record.events = [];
      this.publish({ reset: true, from: 0, events: [] });
    } else {
      for (const [name, column] of Object.entries(record.train)) {
        for (const value of train[name]) column.push(value);
      }
      record.events.push(...events);
      const news = record.train.step.length > from || events.length > 0;
      this.settled = !LIVE.has(record.status) && !news;
      this.publish({ reset: false, from, events });
    }
  }
}
