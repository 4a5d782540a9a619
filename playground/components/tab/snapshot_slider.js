// The slider over the snapshots of a run, with its replay: it sets the step that the tab shows.
import { button, make } from "../basics/dom.js";
import { whole } from "../basics/wording.js";
import { LIVE } from "./feed.js";

const REPLAY_MS = 400; // from one snapshot to the next

/** A sentence on a run of which one snapshot is kept. */
export const aboutOne = ({ status }) =>
  LIVE.has(status) ? "the only snapshot so far" : "the only snapshot kept: nothing to play";

/** The note on an answer of the server; asked: the step that was asked for (null: the last). */
export function noteOf({ step, note }, asked) {
  const other = asked !== null && step !== asked; // its file was deleted
  return [other && `There is no snapshot of step ${whole(asked)}: this is step ${whole(step)}.`, note].filter(Boolean).join(" ");
}

export class SnapshotSlider {
  /** tab: whose step it sets; ready(): whether the view has drawn the last step that was set. */
  constructor(tab, ready) {
    this.tab = tab;
    this.ready = ready;
    this.following = false; // a live run's newest snapshot is shown
    this.slider = make("input", "snapshot-slider");
    this.slider.type = "range";
    this.slider.min = 0;
    this.slider.setAttribute("aria-label", "Snapshot of the run");
    this.slider.addEventListener("input", () => {
      this.stopReplay();
      this.choose(Number(this.slider.value));
    });
    this.play = button("▶", "icon-button", "Replay the run", () => this.replay());
    this.words = make("span", "snapshot-step");
    this.single = make("span", "figure-unit snapshot-single");
    this.node = make("div", "snapshots");
    this.node.append(this.play, make("span", "figure-unit", "step"), this.slider, this.words, this.single);
  }

  choose(index) {
    this.tab.showSnapshot(index);
  }

  show() {
    const { step, snapshots } = this.tab;
    const last = snapshots.length - 1;
    const index = Math.max(this.tab.snapshotIndex, 0);
    this.node.classList.toggle("single", last === 0);
    this.single.textContent = last === 0 ? aboutOne(this.tab.record) : "";
    this.slider.max = Math.max(last, 1);
    this.slider.value = index;
    this.slider.disabled = this.play.disabled = last < 1;
    const part = last > 0 ? (100 * index) / last : 100;
    this.slider.style.setProperty("--range_progress", `${part}%`);
    this.words.textContent = last < 0 ? "–" : whole(snapshots[index]);
    const following = step === null && this.following;
    this.words.classList.toggle("following", following);
    this.words.title = following ? "follows the run: newest snapshot" : "";
  }

  replay() {
    if (this.replaying) return this.stopReplay();
    let index = this.tab.step === null ? 0 : this.tab.snapshotIndex;
    this.play.textContent = "❚❚";
    const next = () => {
      if (!this.node.isConnected || index >= this.tab.snapshots.length) return this.stopReplay();
      if (!this.ready()) return;
      this.choose(index);
      index += 1;
    };
    this.replaying = setInterval(next, REPLAY_MS);
    next();
  }

  stopReplay() {
    clearInterval(this.replaying);
    this.replaying = 0;
    this.play.textContent = "▶";
  }
}
