// The Start tab: all models on one chart, a card for each, and a race among them.
import { isDark, onTheme, PLOT_CONFIG, colour } from "../page/appearance.js";
import { chosenText, onText } from "../page/chosen_text.js";
import { CHARACTERS, chosenTokens } from "../page/chosen_tokens.js";
import { button, isVisible, make, onShown, press } from "../basics/dom.js";
import { linkAxes } from "../loss/axis_switches.js";
import { moved } from "../page/link.js";
import { figureFiles } from "../basics/figure_files.js";
import { figureOf } from "./ladder_figure.js";
import { enlarged, onPresenting, thick } from "../page/presenting.js";
import { cardOf, ofAnotherText, showLosses, showRace, waysIn } from "./cards.js";
import { Race } from "./race.js";
import { raceOf } from "./racing.js";

const BUDGETS = [
  [5, "5 s"],
  [20, "20 s"],
  [60, "1 min"],
  ["tokens", "equal tokens"],
];
const HOW = new Map([["tokens", "Each model reads as many tokens, however long it takes"]]);
const BY_THE_CLOCK = "They take turns: longer by the clock.";
const WHY_LONGER =
  "As many train at once as there are cores. To start a model, to time its steps and to judge it are not counted.";
const IN_SHORT =
  "Each of these adds one idea to the one before. Let them all learn the same text, on this machine, " +
  "and see what each idea is worth.";
const AXES = ["step", "seconds", "FLOPs"];

export class Start {
  constructor(element, props, _watch, server) {
    this.element = element;
    this.ladder = props.value;
    this.axis = "step";
    this.budget = 20;
    this.race = new Race(server, element, (problem) => this.raceChanged(problem));
    raceOf(this.race);
    linkAxes("start", this, AXES);
    this.build();
    onTheme(element, () => this.draw());
    onPresenting(() => this.drawSoon(), element);
    onText(() => this.drawSoon(), element);
    onShown(this.plot, () => this.draw());
  }

  build() {
    const left = make("div", "card start-left");
    left.append(
      make("h2", "", "A language model guesses what comes next."),
      make("p", "", IN_SHORT),
    );
    this.go = button("▶ Race the ladder", "start-race", "All models learn the chosen text, with the same budget each", () => this.begin());
    this.pause = button("❚❚ Pause", "pill-button", "Pause all models of the race", () => this.race.pauseOrResume());
    this.stop = button("Stop", "pill-button", "Stop all models of the race", () => this.race.order("stop"));
    this.steering = make("div", "start-steering");
    this.steering.append(this.pause, this.stop);
    const budgets = make("div", "pills start-budgets");
    this.budgetPills = BUDGETS.map(([budget, label]) => {
      const pill = button(label, "pill-button", HOW.get(budget) ?? `Each model trains for about ${label}`, () => {
        this.budget = budget;
        this.showBudget();
      });
      pill.dataset.budget = budget;
      return pill;
    });
    budgets.append(...this.budgetPills);
    this.problem = make("p", "start-problem");
    this.problem.setAttribute("role", "alert");
    const clock = make("p", "start-clock", BY_THE_CLOCK);
    clock.title = WHY_LONGER;
    const racing = make("div", "start-racing");
    racing.append(this.go, this.steering);
    left.append(racing, make("span", "figure-unit", "training of each model"), budgets, clock, this.problem, waysIn());

    const right = make("div", "card start-chart");
    const head = make("div", "figure-head");
    this.title = make("span", "figure-title", "The ladder");
    this.unit = make("span", "figure-unit");
    const axes = make("span", "pills joined");
    this.axisPills = AXES.map((axis) =>
      button(axis, "pill-button", `x axis: ${axis}`, () => {
        this.axis = axis;
        moved();
        this.draw();
      }),
    );
    axes.append(...this.axisPills);
    const tools = make("span", "figure-tools");
    tools.append(axes, figureFiles({ plot: () => this.plot, name: () => (this.race.on ? "race" : "all-models") }));
    head.append(this.title, this.unit, tools);
    this.plot = make("div", "plot");
    this.plot.setAttribute("role", "img");
    this.words = make("p", "figure-words");
    this.words.setAttribute("aria-live", "polite");
    right.append(head, this.plot, this.words);

    const top = make("div", "start-top");
    top.append(left, right);
    this.cards = make("div", "start-cards");
    this.cards.append(...this.ladder.models.map(cardOf));
    const page = make("div", "start");
    page.append(top, this.cards);
    this.element.replaceChildren(page);
    showLosses(this.cards, this.ladder);
    this.showBudget();
    this.showText();
    this.raceChanged();
  }

  showBudget() {
    for (const pill of this.budgetPills) press(pill, pill.dataset.budget === String(this.budget));
  }

  // The race

  begin() {
    this.problem.textContent = "";
    this.race.begin(chosenText() ?? "tiny_shakespeare", chosenTokens() ?? CHARACTERS, this.budget);
  }

  /** News of the race: it began, its runs went on, or it could not be. */
  raceChanged(problem) {
    this.problem.textContent = problem ?? "";
    if (this.race.began) {
      this.axis = "seconds";
      this.title.textContent = "The race";
    }
    this.showSteering();
    this.drawSoon();
  }

  /** The text that is learned, above the chart and on the cards: both in the same frame. */
  showStates() {
    this.showText();
    const { on, entries, feeds } = this.race;
    const text = ofAnotherText(on ? this.race : this.ladder, chosenText());
    if (!on) {
      for (const node of this.cards.querySelectorAll(".start-state")) node.textContent = text;
      return;
    }
    for (const entry of entries) {
      const node = this.cards.querySelector(`[data-model=${entry.model}]`);
      showRace(node, entry, feeds.get(entry.model)?.record, text);
    }
    showLosses(this.cards, { models: this.race.losses(), gains: this.race.gains });
  }

  showText() {
    const { text, words } = this.race.on ? this.race : this.ladder;
    const on = text ? ` on ${text}` : "";
    this.unit.textContent = `validation loss${on}, nats per character; lower is better`;
    if (this.words.textContent !== words) this.words.textContent = words;
  }

  showSteering() {
    const { running, on, paused, feeds } = this.race;
    this.go.disabled = running;
    this.go.textContent = running ? "Racing …" : on ? "▶ Race again" : "▶ Race the ladder";
    this.steering.classList.toggle("on", running);
    this.pause.textContent = paused ? "▶ Resume" : "❚❚ Pause";
    this.stop.disabled = !(running && on);
    this.pause.disabled = this.stop.disabled || !feeds.size; // there is nothing to pause yet
  }

  // The chart

  drawSoon() {
    this.planned ||= requestAnimationFrame(() => {
      this.planned = 0;
      this.draw();
      this.showStates();
    });
  }

  draw() {
    this.axisPills.forEach((pill, index) => press(pill, AXES[index] === this.axis));
    if (!isVisible(this.plot) || !this.plot.clientWidth) return;
    const { on, feeds, lines } = this.race;
    const shown = on ? { ...this.ladder, lines } : this.ladder;
    const { data, layout, summary } = figureOf(shown, on ? feeds : null, this.axis, {
      dark: isDark(),
      ink: colour("ink"),
      grid: colour("grid"),
      card: colour("card"),
      family: getComputedStyle(this.element).fontFamily,
      width: this.plot.clientWidth,
      height: this.plot.clientHeight,
    });
    this.plot.setAttribute("aria-label", summary);
    for (const trace of data) trace.line.width = thick(trace.line.width);
    Plotly.react(this.plot, data, enlarged(layout), PLOT_CONFIG);
  }
}
