// Polls of many runs with one call: what their pollers ask within a moment goes to the server together.
import { ask } from "../basics/calls.js";

const GATHER_MS = 100;

export class Together {
  /** server: its function `poll` takes a list of questions [run, from, from_events]. */
  constructor(server) {
    this.server = server;
    this.waiting = []; // {question, answered}
    this.timer = 0;
  }

  /** The answer to one question, as a server function would give it. */
  poll(...question) {
    this.timer ||= setTimeout(() => this.send(), GATHER_MS);
    return new Promise((answered) => {
      this.waiting.push({ question, answered });
    });
  }

  async send() {
    this.timer = 0;
    const sent = this.waiting.splice(0);
    const answers = await ask(this.server, "poll", [sent.map(({ question }) => question)]);
    sent.forEach(({ answered }, index) => answered(answers?.[index] ?? null));
  }
}
