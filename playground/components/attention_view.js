// The inside of the model of the run shown, at the step shown: attention on a text, or the table of
// next characters. It asks the server and hands the answers to its picture.
import { onTheme } from "./appearance.js";
import { AttentionPicture } from "./attention_picture.js";
import { ask } from "./calls.js";
import { button, debounce, isVisible, make, onShown } from "./dom.js";
import { LIVE } from "./feed.js";
import { SnapshotSlider } from "./snapshot_slider.js";
import { tab } from "./tab.js";

const BEGINNING = new Set([null, "queued", "starting", "running"]); // if it has no step yet
const AGAIN_MS = 3000; // after a call without an answer

export class AttentionView {
  constructor(element, props, _watch, server) {
    this.element = element;
    this.server = server;
    this.tab = tab(props.feed);
    this.run = this.tab.record.run;
    this.text = props.text ?? "";
    this.calling = this.wanted = false;
    this.awaited = false; // a new run is shown, and the picture is of the run before
    this.seen = undefined; // the newest snapshot that was asked for
    this.build(element, props.attends);
    const scrub = debounce(() => this.look(), 60);
    this.tab.onStep(() => {
      this.snapshots.show();
      scrub();
    }, element);
    this.tab.subscribe((record, change) => this.hear(record, change), element);
    onTheme(element, () => this.picture.render());
    onShown(this.picture.plot, () =>
      this.wanted || this.picture.unseen ? this.look() : this.picture.fit(),
    );
    this.look();
  }

  build(element, attends) {
    this.frame = make("div", `attention-view${attends ? "" : " is-table"}`);
    this.picture = new AttentionPicture(this.frame);
    this.snapshots = new SnapshotSlider(this.tab, () => !this.calling);

    const title = make("span", "figure-title", attends ? "Attention" : "Next character");
    const unit = attends ? "rows look at columns" : "rows: this character, columns: the next";
    const enlarge = button("⤢", "icon-button", "Enlarge (Escape to close)", () => this.enlarge());
    const tools = make("span", "figure-tools");
    tools.append(this.picture.layerPills, enlarge);
    const head = make("div", "figure-head");
    head.append(title, make("span", "figure-unit", unit), tools);

    const foot = make("div", "attention-foot");
    foot.append(this.textInput(), this.snapshots.node);
    this.note = make("div", "figure-note");
    this.frame.append(head, this.note, this.picture.body, this.picture.strip.node, foot);
    element.replaceChildren(this.frame);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.frame.classList.contains("enlarged")) this.enlarge();
    });
  }

  textInput() {
    const input = make("input", "text-input");
    input.type = "text";
    input.placeholder = "your own text";
    input.setAttribute("aria-label", "Text to look at");
    input.value = this.text;
    const changed = debounce(() => {
      this.text = input.value;
      this.picture.pinned = null;
      this.look();
    }, 350);
    input.addEventListener("input", changed);
    return input;
  }

  enlarge() {
    const on = this.frame.classList.toggle("enlarged");
    document.body.classList.toggle("playground-enlarged", on);
    this.picture.fit();
  }

  // The run shown

  follow(run) {
    this.run = run;
    this.seen = undefined;
    this.snapshots.clear();
    this.frame.classList.add("waiting"); // the picture is of the run before
    this.awaited = true;
  }

  hear(record, change) {
    if (record.run && record.run !== this.run) this.follow(record.run);
    this.snapshots.following = LIVE.has(record.status);
    const fresh = change.events.filter((event) => event.type === "snapshot");
    if (fresh.length) this.snapshots.add(fresh.map((event) => event.step));
    const newest = this.snapshots.steps.at(-1);
    const news = newest !== undefined && newest !== this.seen && this.tab.step === null;
    // A new run should first take its first step; one that waits at step 0 has yet to save its weights.
    const begins = BEGINNING.has(record.status) && !record.train.step.length;
    const bare = record.status === "paused" && newest === undefined;
    if (begins || bare || !(news || this.awaited)) return;
    this.seen = newest;
    this.awaited = false;
    this.look();
  }

  // Asking the server: one call out at a time, and only while someone can see it

  async look() {
    this.wanted = true;
    if (!this.run || this.calling || !isVisible(this.frame)) return;
    this.calling = true;
    while (this.wanted && this.run) {
      this.wanted = false;
      const { run, text } = this;
      const { step } = this.tab;
      const answer = await ask(this.server, "look", [run, step, text]);
      // A late answer is dropped: another has been asked for, or is as soon as the slider rests.
      if (run === this.run && text === this.text && step === this.tab.step) this.take(answer);
    }
    this.calling = false;
  }

  take(answer) {
    if (!answer || answer.error) {
      this.note.textContent = answer?.error ?? "The server does not answer. Trying again soon.";
      if (!answer) setTimeout(() => this.element.isConnected && this.look(), AGAIN_MS);
      return;
    }
    if (this.tab.step === null) this.seen = answer.step;
    this.note.textContent = answer.note ?? "";
    this.frame.classList.remove("waiting");
    this.snapshots.add(answer.steps);
    this.picture.show(answer);
  }
}
