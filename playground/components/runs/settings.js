// The settings of the ticked runs as a table: the rows that differ, or all.
import { ask } from "../basics/calls.js";
import { button, make, press } from "../basics/dom.js";
import { moved } from "../page/link.js";
import { ownRuns } from "../page/own_runs.js";

export class RunsSettings {
  constructor(tab) {
    this.tab = tab;
    this.whole = false;
    this.all = button("all settings", "pill-button", "Also the settings that are the same in all", () => {
      this.show(!this.whole);
      moved();
    });
    press(this.all, false);
    this.node = make("div", "runs-settings");
    this.node.tabIndex = 0; // it scrolls
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "Settings of the ticked runs");
    this.rows = [];
    this.runs = []; // the runs that the rows are of
    tab.ticks.lights(this.node, (node) => node.closest?.("th[data-run]")?.dataset.run ?? null);
  }

  /** Shows all rows, or those that differ. */
  show(whole) {
    this.whole = whole;
    press(this.all, whole);
    this.draw();
  }

  /** {runs, rows} of the ticked runs that are there; row: {title, values: one for each of them, differs}. null if
   * the server does not answer. */
  ofRuns = () => ask(this.tab.server, "settings", [{ own: ownRuns(), ticked: this.tab.ticks.runs }]);

  async look() {
    const { runs } = this.tab.ticks;
    const answer = await this.ofRuns();
    if (!answer || runs.join() !== this.tab.ticks.runs.join()) return;
    Object.assign(this, answer);
    this.draw();
  }

  draw() {
    const rows = this.rows.filter(({ differs }) => differs || this.whole);
    const words =
      this.runs.length < 2 && !this.whole ? "Tick two runs to see the settings in which they differ." : "They have the same settings.";
    const key = JSON.stringify([rows, this.runs.map(this.tab.labelOf)]);
    if (key === this.drawn) return;
    this.drawn = key;
    if (!rows.length) return this.node.replaceChildren(make("p", "figure-unit", words));
    const table = make("table", "runs-table");
    const head = make("tr");
    head.append(make("th", "", "setting"), ...this.runs.map((run) => this.headOf(run)));
    table.append(head, ...rows.map(({ title, values, differs }) => rowOf(title, values, differs && this.whole)));
    this.node.replaceChildren(table);
  }

  headOf(run) {
    const head = make("th", "runs-of", this.tab.labelOf(run));
    head.scope = "col";
    head.dataset.run = run;
    head.style.setProperty("--run", `var(--chart-run-${this.tab.ticks.places.get(run)})`);
    return head;
  }
}

/** The settings [title, value] of one run of such an answer; none if the run is not among its runs. */
export function settingsOf({ runs, rows }, run) {
  const place = runs.indexOf(run);
  return rows.map(({ title, values }) => [title, values[place]]).filter(([, value]) => value);
}

function rowOf(title, values, differs) {
  const row = make("tr", differs ? "differs" : "");
  const head = make("th", "", title);
  head.scope = "row";
  row.append(head, ...values.map((value) => make("td", "", value ?? "–")));
  return row;
}
