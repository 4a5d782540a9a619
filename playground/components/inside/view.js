// The inside of the model of the run shown, at the step shown: asks the server, and hands its answers to a picture.
import { onTheme } from "../page/appearance.js";
import { ask } from "../basics/calls.js";
import { button, debounce, isVisible, make, onShown, press } from "../basics/dom.js";
import { LIVE } from "../tab/feed.js";
import { HeadsOff } from "./heads_off.js";
import { VIEWS, pictureOf } from "./pictures.js";
import { join, moved, unlessLong } from "../page/link.js";
import { SnapshotSlider, noteOf } from "../tab/snapshot_slider.js";
import { tab } from "../tab/tab.js";

const BEGINNING = new Set([null, "queued", "starting", "running"]); // if it has no step yet
const AGAIN_MS = 3000; // after a call without an answer
const LONGEST_MS = 40000; // of an answer: models that others trained are large

export class InsideView {
  constructor(element, props, _watch, server) {
    this.element = element;
    this.server = server;
    this.key = props.feed;
    this.tab = tab(props.feed);
    this.run = this.tab.record.run;
    this.text = props.text ?? "";
    this.view = props.views[0];
    const told = () => ({ view: this.view === props.views[0] ? null : this.view, inside: unlessLong(this.text, props.text) });
    join(this.key, ["view", "inside"], told, ({ view, inside }) => {
      if (props.views.includes(view)) this.view = view;
      this.text = inside ?? this.text;
    });
    this.cell = null; // of one score: [layer, head, row, column]; null: one that the server chooses
    this.heads = new HeadsOff(this.tab, server, {
      changed: () => this.look(),
      tell: (words) => Object.values(this.pictures).forEach((picture) => picture.showCost?.(words)),
      gone: () => !element.isConnected,
    });
    this.calling = this.wanted = false;
    this.awaited = false; // a new run is shown, and the picture is of the run before
    this.seen = undefined; // the newest snapshot that was asked for
    this.pictures = {}; // by view, made when first shown
    this.build(element, props.views);
    const scrub = debounce(() => this.look(), 60);
    let shownStep = this.tab.step;
    this.tab.onStep((step) => {
      this.snapshots.show();
      if (step !== shownStep) scrub();
      shownStep = step;
    }, element);
    this.tab.subscribe((record, change) => this.hear(record, change), element);
    onTheme(element, () => this.picture.fit());
    onShown(this.stage, () => (this.wanted || this.unseen ? this.look() : this.picture.fit()));
    this.tab.openView = (view, text) => this.open(view, text);
    this.tab.lookInside = (step, text, view) => ask(server, "look", [this.run, step, text, view, {}]);
    this.look();
  }

  build(element, views) {
    this.frame = make("div", "attention-view");
    this.snapshots = new SnapshotSlider(this.tab, () => !this.calling);
    this.pills = make("span", "pills joined view-pills");
    for (const view of views) {
      const pill = button(VIEWS[view][0], "pill-button", VIEWS[view][1], () => this.open(view));
      pill.dataset.view = view;
      this.pills.append(pill);
    }
    const enlarge = button("⤢", "icon-button", "Enlarge (Escape to close)", () => this.enlarge());
    this.tools = make("span", "figure-tools");
    this.own = make("span", "picture-tools"); // those of the picture
    this.tools.append(this.own, enlarge);
    const head = make("div", "figure-head");
    head.append(this.pills, this.tools);
    this.note = make("div", "figure-note");
    this.stage = make("div", "inside-stage");
    const foot = make("div", "attention-foot");
    foot.append(this.textInput(), this.snapshots.node);
    this.frame.append(head, this.note, this.stage, foot);
    element.replaceChildren(this.frame);
    this.showPicture();
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.frame.classList.contains("enlarged")) this.enlarge();
    });
  }

  textInput() {
    this.input = make("input", "text-input");
    this.input.type = "text";
    this.input.placeholder = "your own text";
    this.input.setAttribute("aria-label", "Text to look at");
    this.input.value = this.input.title = this.text;
    const changed = debounce(() => this.read(this.input.value), 350);
    this.input.addEventListener("input", changed);
    return this.input;
  }

  read(text) {
    this.text = this.input.title = text;
    moved();
    this.cell = null;
    this.picture.forget?.();
    this.look();
  }

  enlarge() {
    const on = this.frame.classList.toggle("enlarged");
    document.body.classList.toggle("playground-enlarged", on);
    this.picture.fit();
  }

  // The view

  /** Opens a view of the card; text, if it is given, goes into the box. */
  open(view, text) {
    if (text !== undefined) this.input.value = this.input.title = this.text = text;
    if (!VIEWS[view] || !this.pills.querySelector(`[data-view=${view}]`)) return;
    this.view = view;
    moved();
    this.showPicture();
    this.look();
  }

  get picture() {
    this.pictures[this.view] ??= pictureOf(this.view, {
      key: this.key, heads: this.heads,
      again: () => this.look(),
      ask: (cell) => {
        this.cell = cell;
        this.open("score");
      },
    });
    return this.pictures[this.view];
  }

  showPicture() {
    const { picture } = this;
    for (const pill of this.pills.children) press(pill, pill.dataset.view === this.view);
    this.frame.dataset.view = this.view;
    this.stage.replaceChildren(picture.node);
    this.own.replaceChildren(...(picture.tools ? [picture.tools] : []));
    this.frame.classList.add("waiting");
  }

  // The run shown

  follow(run) {
    this.run = run;
    this.seen = undefined;
    this.heads.clear();
    this.snapshots.stopReplay();
    this.frame.classList.add("waiting"); // the picture is of the run before
    this.awaited = true;
  }

  hear(record, change) {
    if (record.run && record.run !== this.run) this.follow(record.run);
    this.snapshots.following = LIVE.has(record.status);
    this.heads.takeAsked();
    const fresh = change.events.filter((event) => event.type === "snapshot");
    if (fresh.length) this.tab.addSnapshots(fresh.map((event) => event.step));
    const newest = this.tab.snapshots.at(-1);
    const first = this.calling && this.seen === undefined; // it is answered for the newest
    const news = newest !== undefined && newest !== this.seen && this.tab.step === null && !first;
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
    this.unseen = !isVisible(this.frame);
    if (!this.run || this.calling || this.unseen) return;
    this.calling = true;
    while (this.wanted && this.run) {
      this.wanted = false;
      const { run, text, view, cell, heads: { off }, tab: { step } } = this;
      const answer = await ask(this.server, "look", [run, step, text, view, { cell, off }], LONGEST_MS);
      if (run === this.run && view === this.view) this.take(answer, step);
    }
    this.calling = false;
  }

  take(answer, asked) {
    if (answer?.error && this.heads.refused()) return this.look();
    if (!answer || answer.error) {
      this.note.textContent = answer?.error ?? "The server does not answer. Trying again soon.";
      this.frame.classList.add("waiting"); // the picture is not what the sentence speaks of
      if (!answer) setTimeout(() => this.element.isConnected && this.look(), AGAIN_MS);
      return;
    }
    if (this.tab.step === null) this.seen = answer.step;
    this.note.textContent = noteOf(answer, asked);
    this.frame.classList.remove("waiting");
    this.tab.addSnapshots(answer.steps);
    this.picture.show(answer);
  }
}
