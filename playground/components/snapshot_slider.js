// The slider over the snapshots of a run, with its replay: it sets the step that the tab shows.
import { button, make } from "./dom.js";
import { whole } from "./wording.js";

const REPLAY_MS = 400; // from one snapshot to the next

export class SnapshotSlider {
  /** tab: whose step it sets; ready(): whether the view has drawn the last step that was set. */
  constructor(tab, ready) {
    this.tab = tab;
    this.ready = ready;
    this.steps = []; // of the snapshots, in order
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
    this.node = make("div", "snapshots");
    this.node.append(this.play, make("span", "figure-unit", "step"), this.slider, this.words);
  }

  /** Adds snapshots; steps: in any order, also ones that are known. */
  add(steps) {
    this.steps = [...new Set([...this.steps, ...steps])].sort((a, b) => a - b);
    this.show();
  }

  /** Begins anew for another run. */
  clear() {
    this.steps = [];
    this.stopReplay();
  }

  choose(index) {
    this.tab.showStep(index >= this.steps.length - 1 ? null : this.steps[index]);
  }

  show() {
    const { step } = this.tab;
    const last = this.steps.length - 1;
    const index = Math.max(step === null ? last : this.steps.indexOf(step), 0);
    this.slider.max = Math.max(last, 1); // of a single snapshot, the last, the thumb stands at the end
    this.slider.value = last === 0 ? 1 : index;
    this.slider.disabled = this.play.disabled = last < 1;
    const part = last > 0 ? (100 * index) / last : 100;
    this.slider.style.setProperty("--range_progress", `${part}%`);
    this.words.textContent = last < 0 ? "–" : whole(this.steps[index]);
    const following = step === null && this.following;
    this.words.classList.toggle("following", following);
    this.words.title = following ? "follows the run: newest snapshot" : "";
  }

  replay() {
    if (this.replaying) return this.stopReplay();
    let index = this.tab.step === null ? 0 : Math.max(0, this.steps.indexOf(this.tab.step));
    this.play.textContent = "❚❚";
    const next = () => {
      if (!this.node.isConnected || index >= this.steps.length) return this.stopReplay();
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
