// The guide of a tab: one line with a question, something to try, a button that does it, and what came of it.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { join, moved } from "../page/link.js";
import { BEGINS, GuideRun, nothingYet } from "./guide_run.js";
import { moreButton } from "./guide_more.js";
import { keepPlace, placesKept, showGuides } from "./guide_places.js";
import { tab } from "./tab.js";

const MOUNTED_MS = 600; // after a tab is opened, until Gradio has mounted all of it
const PRESSED_MS = 1500; // from a press until a run has most likely begun
const SHOWN_MS = 3000; // at most, until a run that was opened is shown
const AGAIN_MS = 400; // after news, before what happened is told anew
const MOST_SHOWN = 8; // runs that a step may compare with

const strips = new Map(); // the rung's name -> GuideStrip
let pending = null; // {key, id}: the step that is done as soon as its tab is there

const openTab = (key) => document.getElementById(`rung-${key}-button`)?.click();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class GuideStrip {
  constructor(element, props, _watch, server) {
    this.steps = props.steps;
    this.key = props.feed;
    this.server = server;
    this.tab = tab(props.feed);
    this.telling = false; // what happened is shown in place of what to try
    this.following = props.following;
    this.own = new GuideRun();
    this.shown = []; // the runs that this tab showed, the last first
    strips.set(this.key, this);
    this.build(element);
    this.index = this.beginning();
    join(this.key, ["guide"], () => (this.steps.length ? { guide: this.index ? this.step.id : null } : null));
    this.render();
    this.tab.subscribe((record, change) => this.hear(record, change), element);
    if (pending?.key === this.key) setTimeout(() => this.doPending(), MOUNTED_MS);
  }

  /** Goes to a step that was asked for from elsewhere, and does it. */
  doPending() {
    const index = this.steps.findIndex((step) => step.id === pending?.id);
    pending = null;
    if (index < 0) return;
    this.go(index);
    this.do();
  }

  build(element) {
    this.dots = make("span", "guide-dots");
    this.question = make("b", "guide-question");
    this.words = make("span", "guide-words");
    this.words.setAttribute("aria-live", "polite");
    const said = make("p", "guide-said");
    said.append(this.question, " ", this.words);
    this.act = button("Do it", "guide-do", "Set the controls and press the button for me", () =>
      this.do(),
    );
    this.tell = button("What happened?", "pill-button", "What came of it, in the run's own numbers", () =>
      this.toggle(),
    );
    this.place = make("span", "guide-place");
    this.back = button("‹", "icon-button", "Step back", () => this.go(this.index - 1));
    this.next = button("›", "icon-button", "Next step", () => this.go(this.index + 1));
    const close = button("✕", "icon-button", "Close the guide (Guide, above, opens it)", () =>
      showGuides(false),
    );
    const strip = make("div", "guide");
    strip.setAttribute("role", "region");
    strip.setAttribute("aria-label", "Guide");
    const more = moreButton(strip, said, this.question);
    strip.append(this.dots, said, more, this.act, this.tell, this.back, this.place, this.next, close);
    strip.hidden = !this.steps.length;
    element.replaceChildren(strip);
  }

  /** The step that the link names, else the one where the visitor was, else the first. */
  beginning() {
    const query = new URLSearchParams(location.search);
    const named = this.steps.findIndex((step) => step.id === query.get("guide"));
    if (named >= 0 && query.get("model") === this.key) return named;
    return placesKept()[this.key] ?? 0;
  }

  get step() {
    return this.steps[this.index];
  }

  go(index) {
    if (!this.steps.length) return;
    if (index >= this.steps.length && this.following) return openTab(this.following);
    this.index = Math.max(0, Math.min(this.steps.length - 1, index));
    this.telling = false;
    keepPlace(this.key, this.index);
    moved();
    this.render();
  }

  render() {
    const { step, steps, index } = this;
    this.dots.replaceChildren(...steps.map((_, i) => make("i", i <= index ? "on" : "")));
    this.question.textContent = step.question;
    if (!this.telling) this.words.textContent = step.try;
    this.act.textContent = step.press || !step.view ? "Do it" : "Show it";
    this.tell.setAttribute("aria-pressed", String(this.telling));
    this.tell.classList.toggle("on", this.telling);
    this.place.textContent = `${index + 1} of ${steps.length}`;
    this.back.disabled = index === 0;
    const last = index === steps.length - 1;
    this.next.disabled = last && !this.following;
    this.next.title = last ? "The next guide" : "Next step";
  }

  /** Presses the Gradio button that fills the controls; `after` goes on from there. */
  do() {
    this.telling = !this.tab.stale && this.own.begun(this.index, this.tab.record);
    this.render();
    if (this.telling) return this.say();
    document.getElementById(`do-${this.key}`).click();
  }

  /** Waits until the included run, whose token Gradio has just been given, is shown. */
  async included() {
    for (let n = 0; n < SHOWN_MS / 50 && this.tab.record.run !== this.tab.included; n += 1) await pause(50);
  }

  async after() {
    const { view, text, press, run, chat } = this.step;
    if (run && this.tab.included) await this.included();
    if (typeof chat === "boolean") this.tab.asChat?.(chat);
    if (view) this.tab.openView?.(view, text ?? undefined);
    if (press === "train") this.own.begin(this.index, this.tab.record.run);
    if (press) document.getElementById(`${press}-${this.key}`)?.click();
    document.getElementById(`panel-${this.key}`)?.scrollIntoView({ block: "nearest" });
    this.telling = true;
    this.render();
    this.words.textContent = press === "train" ? BEGINS : "";
    if (press === "reset" || press === "step") this.sayIn(PRESSED_MS);
    else if (press !== "train") this.say();
  }

  toggle() {
    this.telling = !this.telling;
    this.render();
    if (this.telling) this.say();
  }

  hear(record, change) {
    const { run } = record;
    this.own.hear(record);
    if (run) this.shown = [run, ...this.shown.filter((one) => one !== run)].slice(0, MOST_SHOWN);
    const told = change.events.some(({ type }) => type === "evaluation" || type === "snapshot");
    // Training is told of at each evaluation; a single step at once.
    const news = told || (this.step.press !== "train" && record.train.step.length > change.from);
    const yet = this.telling && this.step.press === "train" && nothingYet(record);
    if (yet) this.words.textContent = yet;
    if (!this.telling || !(news || change.reset)) return;
    this.sayIn(AGAIN_MS);
  }

  sayIn(wait) {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.telling && this.say(), wait);
  }

  async say() {
    const { index } = this;
    const { run } = this.tab.record;
    const yet = this.step.press === "train" && nothingYet(this.tab.record);
    if (yet) {
      this.words.textContent = yet;
      return;
    }
    const before = this.shown.filter((one) => one !== run);
    const answer = await ask(this.server, "happened", [index, run, before]);
    if (index !== this.index || run !== this.tab.record.run || !this.telling) return;
    this.words.textContent = answer?.text ?? NO_ANSWER;
  }
}

/** Opens the tour where the visitor left it: the guides of all models, one after the other. */
export function beginTour() {
  showGuides(true);
  openTab(placesKept().tour ?? "ngram");
}

/** Opens a model's tab and does a step of its guide. */
export function openAndDo(key, id) {
  showGuides(true);
  pending = { key, id };
  openTab(key);
  if (strips.get(key)) strips.get(key).doPending();
}

/** The inputs [step, ...] of the event that does a step, with the strip's step in its place. */
export const doing = (key, [, ...rest]) => [strips.get(key).index, ...rest];

/** Goes on after the controls of a step were filled. */
export const afterDoing = (key) => strips.get(key).after();
