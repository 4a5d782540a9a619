// The Runs tab: the list of all runs, the chart of the ticked ones, their texts and their settings.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { isVisible, make, onShown } from "../basics/dom.js";
import { feedOf } from "../tab/feed.js";
import { runsCounted } from "../page/ladder.js";
import { ownRuns } from "../page/own_runs.js";
import { pollerOf } from "../tab/polling.js";
import { Together } from "./polling.js";
import { RunsChart } from "./chart.js";
import { RunsList } from "./list.js";
import { linkList } from "./list_link.js";
import { RunsSide } from "./side.js";
import { SweepCard } from "../sweep/sweep.js";
import { RunsTools } from "./tools.js";
import { briefName, labelAmong } from "./words.js";
import { Ticks } from "./ticks.js";

const LIST_MS = 3000; // between two looks at the list, while it is visible
const HIDDEN_MS = 60000; // and else: what was deleted is to be kept until the page is left
const BEGIN_WITH = ["decoder_transformer", "single_block_transformer", "multi_head_attention"]; // included runs
const MOST_AT_FIRST = 4; // runs that are ticked before anybody has ticked one

let shown = null; // the RunsTab of this page

/** What the texts are asked for: the input of Gradio's event. */
export const textsAsked = () => shown.side.texts.asked();

export class RunsTab {
  constructor(element, props, watch, server) {
    Object.assign(this, { element, props, server });
    this.ticks = new Ticks();
    this.runs = new Map(); // token -> what the list tells of it
    this.version = null;
    this.looked = -Infinity; // when the list was last asked for
    this.together = new Together(server);
    this.list = new RunsList(this);
    linkList(this.list);
    this.chart = new RunsChart(this);
    this.tools = new RunsTools(this);
    this.side = new RunsSide(this, props.sampling);
    this.sweep = new SweepCard(this, props.models);
    this.build();
    this.ticks.onChange(() => this.look(), element);
    watch("value", () => this.side.texts.take(props.value));
    onShown(element, () => this.lookIfDue());
    const timer = setInterval(() => (element.isConnected ? this.lookIfDue() : clearInterval(timer)), 500);
    this.look();
    shown = this;
  }

  build() {
    const list = make("div", "card runs-card");
    const head = make("div", "figure-head");
    const unit = make("span", "figure-unit", "named by what differs from the first ticked");
    head.append(make("h2", "figure-title", "Runs"), unit, this.tools.node);
    this.said = make("p", "runs-notice");
    this.said.setAttribute("role", "status");
    list.append(head, this.tools.panel.node, this.said, this.tools.undo, this.list.node);
    const page = make("div", "runs");
    page.append(list, this.chart.node, this.side.node, this.sweep.node);
    this.element.replaceChildren(page);
  }

  /** What the list tells of a run, or undefined if it is not there. */
  runOf = (token) => this.runs.get(token);

  /** The label of a ticked run, on the chart and above its texts and settings; "" if it is not in the list. */
  labelOf = (token) => {
    const others = this.ticks.runs.map(this.runOf).filter(Boolean);
    return this.runs.has(token) ? labelAmong(this.runOf(token), others) : "";
  };

  feedOf = (token) => feedOf(token);

  /** Polls a ticked run together with the others. */
  follow(token) {
    pollerOf(feedOf(token), this.together);
  }

  reveal(token) {
    this.list.reveal(token);
  }

  /** Says a sentence above the list, which is read aloud; "" takes it away. */
  say(sentence) {
    this.said.textContent = sentence;
  }

  // The list

  lookIfDue() {
    const wait = isVisible(this.element) ? LIST_MS : HIDDEN_MS;
    if (performance.now() - this.looked >= wait) this.look();
  }

  /** Asks for the list; the answer to an earlier question is dropped. */
  async look() {
    this.looked = performance.now();
    const mine = (this.asked = (this.asked ?? 0) + 1);
    const { version, ticks, tools } = this;
    const question = { own: ownRuns(), ticked: ticks.runs, undo: tools.keys, version };
    const answer = await ask(this.server, "table", [question]);
    if (mine !== this.asked) return;
    if (!answer) return this.say(NO_ANSWER);
    if (this.said.textContent === NO_ANSWER) this.say("");
    if (answer.runs) this.take(answer);
  }

  take({ runs, said, problems, version }) {
    this.version = version;
    const before = this.runs;
    this.runs = new Map(runs.map((run) => [run.run, run]));
    this.list.show(runs, problems);
    runsCounted(runs.length);
    const gone = this.ticks.runs.filter((run) => !this.runs.has(run));
    if (this.ticks.remembered === null) {
      this.ticks.remembered = [];
      this.ticks.usual = this.first(runs).join();
      this.ticks.replace(this.first(runs));
      return;
    }
    if (gone.length) {
      const lost = gone.filter((run) => before.has(run) && !this.tools.leaving.has(run));
      if (lost.length) this.say(`No longer here: ${lost.length > 1 ? `${lost.length} runs` : briefName(before.get(lost[0]))}.`);
      this.ticks.drop(gone); // what the server says is of the others already
    }
    // Those that a link or a reload has ticked were ticked before there was a chart.
    if (this.ticks.runs.some((run) => !this.chart.followed.has(run))) this.chart.follow();
    this.chart.verdicts.show(this.sentences(said));
    this.chart.refresh();
    this.side.refresh();
  }

  /** The runs that are ticked at first: some included ones, so that the tab never opens empty. */
  first(runs) {
    const included = BEGIN_WITH.map((model) => `shipped:${model}`).filter((run) => this.runs.has(run));
    const others = runs.map(({ run }) => run).filter((run) => !included.includes(run));
    return (included.length ? included : others).slice(0, MOST_AT_FIRST);
  }

  sentences(said) {
    if (said.length) return said;
    const { length } = this.ticks.runs;
    return [{ run: null, text: length ? "Tick a second run: a sentence says what its difference bought." : "Tick runs to compare them." }];
  }

  async rename(run, field, words) {
    const answer = await ask(this.server, "change", [{ run, field, words }]);
    this.say(answer ? (answer.error ?? "") : NO_ANSWER);
    this.look();
  }

  remove(runs) {
    this.tools.remove(runs);
  }
}
