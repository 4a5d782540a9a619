// Questions whose answers may have to wait until the server has learned the pieces.
import { NO_ANSWER, ask } from "../basics/calls.js";

export const LEARNING = "The server learns the pieces from the text …";
const PATIENCE_MS = 30000; // until the server has learned the pieces
const AGAIN_MS = 3000; // after an answer that it still learns them
const LATE_MS = 500; // without an answer: then the page says why

/** Asks one function of the server; the answer to an earlier question is dropped. */
export class LatestQuestion {
  /** name: of the server's function; say(words): called while an answer is late. */
  constructor(server, name, say) {
    Object.assign(this, { server, name, say });
    this.asked = 0; // the number of the latest question
  }

  /** Resolves to the answer, always one with {error} if there is none; null: there is a newer question. */
  async ask(question) {
    const mine = ++this.asked;
    const late = setTimeout(() => mine === this.asked && this.say(LEARNING), LATE_MS);
    const answer = await ask(this.server, this.name, [question], PATIENCE_MS);
    clearTimeout(late);
    return mine === this.asked ? (answer ?? { error: NO_ANSWER }) : null;
  }

  /** Calls act() in a while, unless there is a newer question or `node` has left the page. */
  later(act, node) {
    const mine = this.asked;
    setTimeout(() => mine === this.asked && node.isConnected && act(), AGAIN_MS);
  }
}
