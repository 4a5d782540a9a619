// The Start tab: all models on one chart, a card for each, and a race among them.
import { isDark, onTheme, PLOT_CONFIG, colour } from "./appearance.js";
import { ask } from "./calls.js";
import { button, isVisible, make, onShown, press } from "./dom.js";
import { LIVE, feedOf } from "./feed.js";
import { beginTour, openAndDo } from "./guide.js";
import { figureOf } from "./ladder_figure.js";
import { pollerOf } from "./polling.js";
import { enlarged, onPresenting, thick } from "./presenting.js";
import { whole } from "./wording.js";

const BUDGETS = [
  [5, "5 s"],
  [20, "20 s"],
  [60, "1 min"],
  ["tokens", "equal tokens"],
];
const AXES = ["step", "seconds", "FLOPs"];
const STATE_MS = 700; // between two questions for the state of a race
const PREPARE_MS = 4000; // between two questions whether the paces are timed
const PATIENCE_MS = 60000; // a text may have to be counted first

let text = null; // the key of the text that is chosen

/** The text that a race is on. */
export const raceOn = (key) => {
  text = key;
};

export class Start {
  constructor(element, props, _watch, server) {
    this.element = element;
    this.server = server;
    this.ladder = props.value;
    this.axis = "step";
    this.budget = 20;
    this.race = null; // {key, entries, done, words}
    this.feeds = new Map(); // model -> Feed of its run in the race
    this.build();
    onTheme(element, () => this.draw());
    onPresenting(() => this.drawSoon(), element);
    onShown(this.plot, () => this.draw());
    this.prepare();
  }

  build() {
    const left = make("div", "card start-left");
    left.append(
      make("h2", "", "A language model guesses what comes next."),
      make("p", "", "Each of these adds one idea to the one before. Let them all learn the same text, on this machine, and see what each idea is worth."),
    );
    this.go = button("▶ Race the ladder", "start-race", "All models learn the chosen text, with the same budget each", () => this.begin());
    this.pause = button("❚❚ Pause", "pill-button", "Pause all models of the race", () => this.pauseOrResume());
    this.stop = button("Stop", "pill-button", "Stop all models of the race", () => this.order("stop"));
    this.steering = make("div", "start-steering");
    this.steering.append(this.pause, this.stop);
    const budgets = make("div", "pills start-budgets");
    this.budgetPills = BUDGETS.map(([budget, label]) => {
      const pill = button(label, "pill-button", `Each model may take ${label}`, () => {
        this.budget = budget;
        this.showBudget();
      });
      pill.dataset.budget = budget;
      return pill;
    });
    budgets.append(...this.budgetPills);
    this.problem = make("p", "start-problem");
    this.problem.setAttribute("role", "alert");
    const tour = button("Take the tour", "link-button", "All models, from counting to a GPT, in steps that one does", beginTour);
    const quick = button("Train a GPT in five seconds", "link-button", "The decoder with its quickest recipe", () =>
      openAndDo("decoder_transformer", "five-seconds"),
    );
    const ways = make("div", "start-ways");
    const newHere = make("p", "", "New here? ");
    newHere.append(tour, " · about 20 minutes, ten questions answered by doing.");
    const hurry = make("p", "", "In a hurry? ");
    hurry.append(quick);
    ways.append(newHere, hurry);
    left.append(this.go, this.steering, make("span", "figure-unit", "each model may take"), budgets, this.problem, ways);

    const right = make("div", "card start-chart");
    const head = make("div", "figure-head");
    this.title = make("span", "figure-title", "The ladder");
    this.unit = make("span", "figure-unit", "validation loss, nats per character; lower is better");
    const axes = make("span", "pills joined");
    this.axisPills = AXES.map((axis) =>
      button(axis, "pill-button", `x axis: ${axis}`, () => {
        this.axis = axis;
        this.draw();
      }),
    );
    axes.append(...this.axisPills);
    const tools = make("span", "figure-tools");
    tools.append(axes);
    head.append(this.title, this.unit, tools);
    this.plot = make("div", "plot");
    this.plot.setAttribute("role", "img");
    this.words = make("p", "figure-words");
    this.words.setAttribute("aria-live", "polite");
    right.append(head, this.plot, this.words);

    const top = make("div", "start-top");
    top.append(left, right);
    this.cards = make("div", "start-cards");
    this.cards.append(...this.ladder.models.map((model) => this.card(model)));
    const page = make("div", "start");
    page.append(top, this.cards);
    this.element.replaceChildren(page);
    this.words.textContent = this.ladder.words ?? "";
    this.showBudget();
    this.showSteering();
  }

  card(model) {
    const node = button("", "card start-card", `Open ${model.title}`, () =>
      document.getElementById(`rung-${model.key}-button`)?.click(),
    );
    node.dataset.model = model.key;
    const title = make("b", "start-card-title", `${model.number} ${model.title}`);
    const loss = make("span", "start-card-loss");
    const sees = make("span", "start-sees");
    sees.setAttribute("aria-label", "what it can see of the last characters");
    for (const share of model.sees) {
      const square = make("i");
      square.style.setProperty("--share", `${Math.round(100 * share)}%`);
      sees.append(square);
    }
    sees.append(make("i", "start-next"));
    node.append(
      title,
      make("span", "start-idea", model.idea),
      loss,
      sees,
      make("span", "start-writes", model.writes ? `“${model.writes}”` : ""),
      make("span", "start-state"),
    );
    this.showLoss(node, model.loss, model.gain);
    return node;
  }

  showLoss(node, loss, gain) {
    const number = Number.isFinite(loss) ? loss.toFixed(2) : "–";
    const place = node.querySelector(".start-card-loss");
    place.replaceChildren(make("b", "", number));
    if (Number.isFinite(gain)) {
      const words = `${gain >= 0 ? "−" : "+"}${Math.abs(gain).toFixed(2)}`;
      place.append(make("span", gain >= 0 ? "better" : "worse", words));
    }
  }

  showBudget() {
    for (const pill of this.budgetPills) press(pill, pill.dataset.budget === String(this.budget));
  }

  // The race

  /** Asks that the paces of the models be timed while nothing else goes on. */
  async prepare() {
    if (!this.element.isConnected || this.race) return;
    const answer = text && isVisible(this.plot) ? await ask(this.server, "prepare", [text], PATIENCE_MS) : null;
    if (answer?.known) return;
    setTimeout(() => this.prepare(), PREPARE_MS);
  }

  async begin() {
    if (this.beginning || (this.race && !this.race.done)) return;
    this.beginning = true;
    this.problem.textContent = "";
    const answer = await ask(this.server, "race", [text ?? "tiny_shakespeare", this.budget], PATIENCE_MS);
    this.beginning = false;
    if (!answer?.race) {
      this.problem.textContent = answer?.error ?? "The server does not answer. Try again in a moment.";
      return;
    }
    this.race = { key: answer.race, entries: [], done: false, words: "" };
    this.feeds.clear();
    this.axis = this.budget === "tokens" ? "step" : "seconds";
    this.title.textContent = "The race";
    this.words.textContent = "";
    this.showSteering();
    this.follow();
  }

  async follow() {
    const { race } = this;
    while (race === this.race && this.element.isConnected) {
      const answer = await ask(this.server, "state", [race.key]);
      if (race !== this.race) return;
      if (answer?.error) {
        this.problem.textContent = answer.error;
        this.race = null;
      } else if (answer) {
        Object.assign(race, answer);
        this.take(race);
      }
      this.showSteering();
      if (race.done || !this.race) return;
      await new Promise((resolve) => setTimeout(resolve, STATE_MS));
    }
  }

  take(race) {
    for (const { model, run } of race.entries) {
      if (!run || this.feeds.has(model)) continue;
      const feed = feedOf(run);
      this.feeds.set(model, feed);
      feed.subscribe(() => this.drawSoon(), this.plot);
      pollerOf(feed, { poll: (...data) => this.server.poll(...data) });
    }
    this.words.textContent = race.words || "";
    this.drawSoon();
    this.showStates();
  }

  showStates() {
    let before = null;
    for (const { model, state, problem } of this.race.entries) {
      const node = this.cards.querySelector(`[data-model=${model}]`);
      const record = this.feeds.get(model)?.record;
      const loss = record?.events.filter((event) => event.type === "evaluation").at(-1)?.loss;
      node.querySelector(".start-state").textContent = problem ?? stateWords(state, record);
      node.classList.toggle("racing", Boolean(record) && LIVE.has(record.status));
      const gain = Number.isFinite(loss) && Number.isFinite(before) ? before - loss : null;
      this.showLoss(node, loss ?? NaN, gain);
      if (Number.isFinite(loss) && model !== "ngram") before = loss;
    }
  }

  order(name) {
    if (this.race) ask(this.server, "steer", [this.race.key, name]);
  }

  pauseOrResume() {
    this.paused = !this.paused;
    this.order(this.paused ? "pause" : "resume");
    this.showSteering();
  }

  showSteering() {
    const racing = Boolean(this.race) && !this.race.done;
    if (!racing) this.paused = false;
    this.go.disabled = racing;
    this.go.textContent = racing ? "Racing …" : this.race ? "▶ Race again" : "▶ Race the ladder";
    this.steering.classList.toggle("on", racing);
    this.pause.textContent = this.paused ? "▶ Resume" : "❚❚ Pause";
    this.pause.disabled = this.stop.disabled = !racing;
  }

  // The chart

  drawSoon() {
    this.planned ||= requestAnimationFrame(() => {
      this.planned = 0;
      this.draw();
      if (this.race) this.showStates();
    });
  }

  draw() {
    this.axisPills.forEach((pill, index) => press(pill, AXES[index] === this.axis));
    if (!isVisible(this.plot) || !this.plot.clientWidth) return;
    const records = this.race ? this.feeds : null;
    const { data, layout, summary } = figureOf(this.ladder, records, this.axis, {
      dark: isDark(),
      ink: colour("ink"),
      grid: colour("grid"),
      card: colour("card"),
      family: getComputedStyle(this.element).fontFamily,
    });
    this.plot.setAttribute("aria-label", summary);
    for (const trace of data) trace.line.width = thick(trace.line.width);
    const large = enlarged(layout);
    Plotly.react(this.plot, data, { ...large, margin: { ...large.margin, r: layout.margin.r * (large === layout ? 1 : 1.7) } }, PLOT_CONFIG);
  }
}

/** What a model of a race is doing. */
function stateWords(state, record) {
  if (!record?.status) return { waiting: "waiting", timing: "measuring this machine", stopped: "not started" }[state] ?? "";
  const { status, queue, step, steps } = record;
  if (status === "queued") return queue ? `waiting: place ${queue.place} of ${queue.of}` : "waiting for a core";
  if (status === "running") return `training: ${whole(step)} of ${whole(steps)}`;
  return status;
}
