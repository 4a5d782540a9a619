// The card of sweeps on the Runs tab: the loss of each run of a sweep, drawn as points come, or the form of a new one.
import { onTheme } from "../page/appearance.js";
import { ask } from "../basics/calls.js";
import { figureFiles } from "../basics/figure_files.js";
import { button, isVisible, keepFocus, make, onShown, option } from "../basics/dom.js";
import { inTab } from "../basics/storage.js";
import { join, moved, openable, tokensIn } from "../page/link.js";
import { MOST } from "../runs/ticks.js";
import { asCsv, drawSweep } from "./figure.js";
import { SweepForm } from "./form.js";
import { figureWords, stateWords } from "./words.js";

const LIVE_MS = 1500; // between two looks at a sweep in training
const QUIET_MS = 10000;
const KEY = "playground-sweep";

export class SweepCard {
  /** tab: the RunsTab. */
  constructor(tab, models) {
    Object.assign(this, { tab, server: tab.server });
    this.state = null;
    this.key = inTab.text(KEY);
    this.looked = -Infinity;
    this.form = new SweepForm(models, tab.server, (key) => this.open(key));
    this.build();
    join("runs", ["sweep"], () => ({ sweep: openable([this.key ?? ""]) }), ({ sweep }) => {
      this.key = tokensIn(sweep)[0] ?? this.key;
    });
    this.show(false);
    onTheme(this.node, () => this.draw());
    onShown(this.node, () => this.lookIfDue());
    onShown(this.plot, () => this.draw());
    const timer = setInterval(() => (this.node.isConnected || !this.was ? this.lookIfDue() : clearInterval(timer)), 500);
  }

  build() {
    this.node = make("div", "card runs-scaling");
    this.title = make("h2", "figure-title", "Sweep");
    this.menu = make("select", "runs-menu sweep-menu");
    this.menu.setAttribute("aria-label", "The sweep shown");
    this.menu.addEventListener("change", () => this.open(this.menu.value));
    this.pause = button("pause", "pill-button", "", () => this.steer(this.state?.paused ? "resume" : "pause"));
    this.stop = button("stop all", "pill-button", "its runs keep what they have learned", () => this.steer("stop"));
    this.tick = button("tick", "pill-button", "tick these: draw the curves of these runs on the chart", () => this.tickAll());
    this.tick.setAttribute("aria-label", "tick these");
    this.switch = button("new", "pill-button sweep-new", "", () => this.show(!this.making));
    const tools = make("span", "figure-tools");
    this.files = figureFiles({ plot: () => this.plot, name: () => "sweep", csv: () => asCsv(this.state) });
    tools.append(this.pause, this.stop, this.tick, this.files, this.switch);
    const head = make("div", "figure-head");
    head.append(this.title, this.menu, tools);
    this.plot = make("div", "plot sweep-plot");
    this.plot.setAttribute("role", "img");
    this.words = make("p", "figure-words sweep-words");
    this.result = make("div", "sweep-result");
    this.result.append(this.plot, this.words);
    this.node.append(head, this.result, this.form.node);
  }

  /** Shows the form of a new sweep, or the result. */
  show(making) {
    keepFocus(this.node, () => this.turn(making), () => this.switch);
  }

  turn(making) {
    this.making = making;
    this.form.node.hidden = !making;
    this.result.hidden = this.menu.hidden = making;
    this.switch.textContent = making ? "back" : "new";
    this.switch.title = making ? "back to the result" : "choose a setting, or sizes, and train";
    if (making) this.form.changed();
    this.refresh();
  }

  open(key) {
    this.key = key;
    inTab.keepText(KEY, key);
    this.state = null;
    this.show(false);
    this.look();
    moved();
  }

  lookIfDue() {
    this.was ||= this.node.isConnected;
    if (!isVisible(this.node)) return;
    const wait = this.state?.live ? LIVE_MS : QUIET_MS;
    if (performance.now() - this.looked >= wait) this.look();
  }

  async look() {
    this.looked = performance.now();
    const mine = (this.asked = (this.asked ?? 0) + 1);
    const answer = await ask(this.server, "swept", [this.key]);
    if (mine !== this.asked || !answer) return;
    if (answer.error && this.key) {
      const { error, sweeps } = answer;
      this.key = null; // gone: the first one that there is
      this.state = { error, sweeps };
    } else {
      this.state = answer;
    }
    this.refresh();
  }

  refresh() {
    const { state, making } = this;
    const points = state?.points ?? [];
    this.title.textContent = state?.kind === "scale" && !making ? "Scaling" : "Sweep";
    const sweeps = state?.sweeps ?? [];
    const known = JSON.stringify(sweeps);
    if (known !== this.listed) this.menu.replaceChildren(...sweeps.map(([key, title]) => option(title, key)));
    this.listed = known; // an open menu is left alone
    this.menu.value = state?.sweep ?? "";
    this.menu.hidden = making || !sweeps.length;
    keepFocus(this.node, () => this.offer(making, points), () => this.switch);
    this.plot.hidden = !points.length;
    if (!state) return;
    if (!points.length) {
      this.words.textContent = state.error ?? "Train a model in several sizes, or with several values of a setting, and see the loss of each: press new.";
      return;
    }
    const done = points.every(({ status }) => status === "finished");
    this.words.textContent = done ? state.words : `${stateWords(state)} ${state.words}`;
    this.plot.setAttribute("aria-label", figureWords(state));
    this.draw();
  }

  /** Shows the buttons for what can be done now. */
  offer(making, points) {
    this.pause.hidden = this.stop.hidden = making || !this.state?.live;
    this.pause.textContent = this.state?.paused ? "resume" : "pause";
    this.tick.hidden = making || !points.some(({ run }) => run);
    this.files.hidden = making || !points.length;
  }

  draw() {
    if (!this.state?.points?.length || this.making || !isVisible(this.plot) || !window.Plotly) return;
    drawSweep(this.plot, this.state);
  }

  async steer(order) {
    await ask(this.server, "steer", [this.key ?? this.state?.sweep, order]);
    this.look();
  }

  /** Ticks the runs of the sweep, evenly chosen if there are more than can be drawn. */
  tickAll() {
    const runs = this.state.points.map(({ run }) => run).filter(Boolean);
    const few = Math.min(MOST, runs.length);
    const chosen = Array.from({ length: few }, (_, i) => runs[Math.round((i * (runs.length - 1)) / Math.max(1, few - 1))]);
    this.tab.ticks.replace(chosen);
  }
}
