// Where each character looks, at any snapshot of a run: which run, which step, which text.
// It asks the server and hands the answers to its picture.
"use strict";

{
  const { make, button, isVisible, debounce, onShown } = Playground.parts.dom;
  const { whole } = Playground.parts.wording;
  const { onTheme } = Playground.parts.appearance;
  const { LIVE, ask, feed } = Playground.parts.feed;
  const { AttentionPicture } = Playground.parts.attentionPicture;

  const BEGINNING = new Set([null, "queued", "starting", "running"]); // if it has no step yet

  class AttentionView {
    constructor(element, props, watch, server) {
      this.element = element;
      this.props = props;
      this.server = server;
      this.feed = feed(props.feed);
      this.run = props.value?.run ?? null;
      this.text = props.text ?? "";
      this.step = null; // null: follow the newest snapshot
      this.steps = [];
      this.calling = this.wanted = this.awaited = false;
      this.build(element);
      watch("value", () => this.follow(props.value?.run ?? null));
      this.feed.subscribe((record, change) => this.hear(record, change), element);
      onTheme(element, () => this.picture.render());
      onShown(this.picture.plot, () =>
        this.wanted || this.picture.unseen ? this.look() : this.picture.fit(),
      );
      this.look();
    }

    build(element) {
      const attends = this.props.attends;
      this.frame = make("div", `attention-view${attends ? "" : " is-table"}`);
      this.picture = new AttentionPicture(this.frame);

      const title = make("span", "figure-title", attends ? "Attention" : "Next character");
      const unit = attends ? "rows look at columns" : "rows: this one, columns: the next";
      const enlarge = button("⤢", "icon-button", "Enlarge (Escape to close)", () => this.enlarge());
      const tools = make("span", "figure-tools");
      tools.append(this.picture.layerPills, enlarge);
      const head = make("div", "figure-head");
      head.append(title, make("span", "figure-unit", unit), tools);

      const foot = make("div", "attention-foot");
      foot.append(this.textInput(), this.snapshotControls());
      this.note = make("div", "figure-note");
      this.frame.append(head, this.note, this.picture.body, this.picture.strip, foot);
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

    snapshotControls() {
      this.slider = make("input", "snapshot-slider");
      this.slider.type = "range";
      this.slider.min = 0;
      this.slider.setAttribute("aria-label", "Snapshot of the run");
      const scrub = debounce(() => this.look(), 60);
      this.slider.addEventListener("input", () => {
        this.stopReplay();
        this.choose(Number(this.slider.value));
        scrub();
      });
      this.play = button("▶", "icon-button", "Replay the run", () => this.replay());
      this.stepWords = make("span", "snapshot-step");
      const snapshots = make("div", "snapshots");
      snapshots.append(this.play, make("span", "figure-unit", "step"), this.slider, this.stepWords);
      return snapshots;
    }

    enlarge() {
      const on = this.frame.classList.toggle("enlarged");
      document.body.classList.toggle("playground-enlarged", on);
      this.picture.fit();
    }

    // -- which run, which snapshot

    follow(run) {
      if (run === this.run) return;
      this.run = run;
      this.step = this.seen = null;
      this.steps = [];
      this.stopReplay();
      this.frame.classList.add("waiting"); // the picture is of the run before
      this.awaited = true;
    }

    hear(record, change) {
      if (record.run && record.run !== this.run) this.follow(record.run);
      this.live = LIVE.has(record.status);
      const fresh = change.events.filter((event) => event.type === "snapshot");
      if (fresh.length) {
        const known = new Set(this.steps);
        for (const { step } of fresh) if (!known.has(step)) this.steps.push(step);
        this.steps.sort((a, b) => a - b);
        this.showSteps();
      }
      const newest = this.steps.at(-1);
      const news = newest !== undefined && newest !== this.seen && this.step === null;
      // A run that begins should first take its first step; one that waits at step 0, save its weights.
      const begins = BEGINNING.has(record.status) && !record.train.step.length;
      const bare = record.status === "paused" && newest === undefined;
      if (begins || bare || !(news || this.awaited)) return;
      this.seen = newest;
      this.awaited = false;
      this.look();
    }

    choose(index) {
      this.step = index >= this.steps.length - 1 ? null : this.steps[index];
      this.showSteps();
    }

    showSteps() {
      const last = this.steps.length - 1;
      const index = this.step === null ? last : this.steps.indexOf(this.step);
      this.slider.max = Math.max(last, 1); // of a single snapshot, the last, the thumb stands at the end
      this.slider.value = last === 0 ? 1 : Math.max(index, 0);
      this.slider.disabled = last < 1;
      const part = last > 0 ? (100 * Math.max(index, 0)) / last : 100;
      this.slider.style.setProperty("--range_progress", `${part}%`);
      this.play.disabled = last < 1;
      this.stepWords.textContent = last < 0 ? "–" : whole(this.steps[Math.max(index, 0)]);
      const following = this.step === null && this.live;
      this.stepWords.classList.toggle("following", Boolean(following));
      this.stepWords.title = following ? "follows the run: newest snapshot" : "";
    }

    replay() {
      if (this.replaying) return this.stopReplay();
      let index = this.step === null ? 0 : Math.max(0, this.steps.indexOf(this.step));
      this.play.textContent = "❚❚";
      const next = () => {
        if (!this.element.isConnected || index >= this.steps.length) return this.stopReplay();
        if (!this.calling) {
          this.choose(index);
          this.look();
          index += 1;
        }
      };
      this.replaying = setInterval(next, 400);
      next();
    }

    stopReplay() {
      clearInterval(this.replaying);
      this.replaying = 0;
      this.play.textContent = "▶";
    }

    // -- asking the server: one call out at a time, only while someone can see it

    async look() {
      this.wanted = true;
      if (!this.run || this.calling || !isVisible(this.frame)) return;
      this.calling = true;
      while (this.wanted && this.run) {
        this.wanted = false;
        const { run, text } = this;
        const answer = await ask(this.server, "look", [run, this.step, text]);
        if (run === this.run) this.take(answer);
      }
      this.calling = false;
    }

    take(answer) {
      if (!answer || answer.error) {
        this.note.textContent = answer?.error ?? "No answer from the server; it is asked again soon.";
        if (!answer) setTimeout(() => this.element.isConnected && this.look(), 3000);
        return;
      }
      if (this.step === null) this.seen = answer.step;
      this.note.textContent = answer.note ?? "";
      this.frame.classList.remove("waiting");
      const all = new Set([...this.steps, ...(answer.steps ?? [])]);
      this.steps = [...all].sort((a, b) => a - b);
      this.showSteps();
      this.picture.show(answer);
    }
  }

  Playground.parts.attentionView = { AttentionView };
}
