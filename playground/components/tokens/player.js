// The merge player: a sentence on its way from bytes to pieces, or the paths of Unigram, step by step or played.
import { button, debounce, make, press } from "../basics/dom.js";
import { chosenText } from "../page/chosen_text.js";
import { join, moved, unlessLong } from "../page/link.js";
import { LatticePicture } from "./lattice.js";
import { LEARNING, LatestQuestion } from "./learning.js";
import { MergesPicture } from "./merges.js";
import { beginning } from "./words.js";

const MODES = [
  ["learn", "learn merges", "Learn merges from this sentence: the most frequent pair is joined, again and again"],
  ["encode", "apply learned merges", "Do the merges in it that BPE learned from the text"],
  ["unigram", "Unigram", "All pieces of Unigram that fit, and the likeliest path"],
];
const PLAY_MS = 1100;
const TYPED_MS = 300;

export class MergePlayer {
  constructor(tab, { sentence, most }) {
    this.tab = tab;
    this.stepping = new LatestQuestion(tab.server, "play", (words) => (this.said.textContent = words));
    this.most = most[1];
    this.usual = sentence;
    this.mode = "learn";
    this.at = 0; // the step shown
    this.answer = null;
    this.timer = 0; // of playing
    this.pictures = { merges: new MergesPicture(), paths: new LatticePicture((at) => this.go(at)) };
    this.build(sentence);
    const told = () => ({
      player: this.mode === "learn" ? null : this.mode,
      sentence: unlessLong(this.input.value, this.usual),
      merge: this.at || null,
    });
    join("tokens", ["player", "sentence", "merge"], told, ({ player, sentence: given, merge }) => {
      if (MODES.some(([mode]) => mode === player)) this.mode = player;
      this.input.value = given ?? this.input.value;
      this.at = /^\d{1,4}$/.test(merge) ? Number(merge) : 0;
    });
  }

  build(sentence) {
    this.pills = MODES.map(([mode, label, title]) => {
      const pill = button(label, "pill-button", title, () => this.set({ player: mode }));
      pill.dataset.mode = mode;
      return pill;
    });
    const pills = make("span", "pills joined");
    pills.append(...this.pills);
    this.title = make("span", "figure-unit");
    const tools = make("span", "figure-tools");
    tools.append(pills);
    const head = make("div", "figure-head");
    head.append(make("h2", "figure-title", "Merge player"), this.title, tools);
    this.input = make("input", "player-sentence");
    this.input.value = sentence;
    this.input.setAttribute("aria-label", "The sentence that is cut step by step");
    const soon = debounce(() => this.look(), TYPED_MS);
    this.input.addEventListener("input", () => {
      this.at = 0;
      this.stop();
      soon();
    });
    const step = (label, title, to) => button(label, "icon-button", title, () => (this.stop(), this.go(to())));
    this.first = step("|◀", "First step (Home)", () => 0);
    this.back = step("◀", "Step back (←)", () => this.at - 1);
    this.next = step("▶", "Step (→)", () => this.at + 1);
    this.last = step("▶|", "Last step (End)", () => this.count - 1);
    this.play = button("▶ Play", "icon-button player-play", "Play or pause (space)", () => this.toggle());
    const buttons = make("span", "player-buttons");
    buttons.append(this.first, this.back, this.play, this.next, this.last);
    this.slider = make("input", "player-slider");
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "Step of the player");
    this.slider.addEventListener("input", () => (this.stop(), this.go(Number(this.slider.value))));
    this.place = make("span", "player-place");
    const line = make("div", "player-line");
    line.append(this.input, buttons, this.slider, this.place);
    this.said = make("p", "player-said");
    this.said.setAttribute("aria-live", "polite");
    this.stage = make("div", "player-stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.node = make("div", "card merge-player");
    this.node.append(head, line, this.said, this.stage);
  }

  /** The steps, or the words of Unigram. */
  get count() {
    return (this.answer?.steps ?? this.answer?.words ?? []).length;
  }

  key(event) {
    const to = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: this.count - 1 };
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.toggle();
    else if (event.key in to) (this.stop(), this.go(to[event.key]));
    else return;
    event.preventDefault();
  }

  /** Sets {player: the mode, sentence, play: from the first step}; resolves once it is shown. */
  async set({ player, sentence, play = false }) {
    this.stop();
    this.mode = player ?? this.mode;
    this.input.value = sentence ?? this.input.value;
    this.at = 0;
    await this.look();
    if (play) this.toggle();
  }

  /** Learns nothing new from a text that is only typed; other tokens, or another text to learn from, are news. */
  refresh() {
    if (this.source() !== this.seen) this.look();
  }

  /** What the merges were learned from. */
  source() {
    return this.mode === "learn" && chosenText() ? "" : [chosenText(), this.tab.left, this.tab.right].join(" ");
  }

  /** Asks for the steps; the answer to an earlier question is dropped. */
  async look() {
    for (const pill of this.pills) press(pill, pill.dataset.mode === this.mode);
    moved();
    if (chosenText() === null) return;
    this.seen = this.source();
    const { text: sentence, length } = beginning(this.input.value, this.most);
    const { left, right } = this.tab;
    const question = { key: chosenText(), sentence, length, mode: this.mode, tokens: [left, right] };
    const answer = await this.stepping.ask(question);
    if (!answer) return;
    this.answer = answer;
    this.show();
    if (answer.again) this.stepping.later(() => this.look(), this.node);
  }

  show() {
    const { again, title = "", note = "" } = this.answer;
    const error = again ? LEARNING : this.answer.error;
    this.title.textContent = [title, note].filter(Boolean).join(" ");
    const picture = this.answer.words ? this.pictures.paths : this.pictures.merges;
    this.stage.classList.toggle("paths", picture === this.pictures.paths);
    this.stage.replaceChildren(...(this.count ? picture.nodes : []));
    if (error) this.said.textContent = error;
    this.go(this.at);
  }

  /** Shows a step; one that is not there: the nearest. */
  go(step) {
    const { count } = this;
    this.at = Math.max(0, Math.min(count - 1, step));
    this.first.disabled = this.back.disabled = this.at === 0;
    this.next.disabled = this.last.disabled = this.at >= count - 1;
    this.play.disabled = count < 2;
    Object.assign(this.slider, { max: Math.max(0, count - 1), value: this.at, disabled: count < 2 });
    moved();
    if (!count) return (this.place.textContent = "");
    const { steps, words } = this.answer;
    (words ? this.pictures.paths : this.pictures.merges).show(this.answer, this.at);
    this.place.textContent = words ? `word ${this.at + 1} of ${count}` : `merge ${this.at} of ${count - 1}`;
    this.said.textContent = (steps ?? words)[this.at].words;
    this.stage.setAttribute("aria-label", `${this.place.textContent}. ${this.said.textContent} Arrow keys step, space plays.`);
  }

  /** Plays from the step shown, from the first one if that is the last; or pauses. */
  toggle() {
    if (this.timer) return this.stop();
    if (this.at >= this.count - 1) this.go(0);
    this.play.textContent = "❚❚ Pause";
    this.timer = setInterval(() => {
      this.go(this.at + 1);
      if (this.at >= this.count - 1 || !this.node.isConnected) this.stop();
    }, PLAY_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "▶ Play";
  }
}
