// Loss by position in the context: a bar for each group of positions, each twice as far back as the one before.
import { make, scrolling } from "../basics/dom.js";
import { whole } from "../basics/wording.js";

const AGAIN_MS = 500; // until the losses are asked for again, while more of the text is read

export class PastPicture {
  /** again(): asks for the losses anew, of which more are known by then. */
  constructor({ again }) {
    this.again = again;
    this.node = scrolling("past-picture", "Loss by position in the context");
    this.words = make("p", "figure-words");
    this.unit = make("p", "figure-unit");
    this.bars = make("div", "past-bars");
    this.node.append(this.words, this.unit, this.bars);
  }

  show({ groups, words, characters, done }) {
    clearTimeout(this.soon);
    if (!done) this.soon = setTimeout(() => this.node.isConnected && this.again(), AGAIN_MS);
    this.words.textContent = words || "Reading what was held out of the run's text …";
    const soFar = done ? "" : " so far";
    this.unit.textContent = groups.length
      ? `Nats per character by position in the context, over ${whole(characters)} held-out characters${soFar}.`
      : "";
    const highest = Math.max(...groups.map(([, loss]) => loss));
    this.bars.replaceChildren(...groups.map(([name, loss]) => bar(name, loss, loss / highest)));
  }

  fit() {}
}

function bar(name, loss, share) {
  const row = make("div", "past-row");
  const track = make("span", "past-track");
  track.style.setProperty("--share", `${100 * share}%`);
  row.append(make("span", "past-name", name), make("span", "past-loss", loss.toFixed(2)), track);
  return row;
}
