// The list of runs: ticked to be drawn, sorted by a column, filtered by model and text.
import { button, keepFocus, make, option, press } from "../basics/dom.js";
import { moved } from "../page/link.js";
import { USUAL } from "./list_link.js";
import { listKeys } from "./list_keys.js";
import { COLUMNS, detailOf, filtered, sorted } from "./words.js";
import { RunRow } from "./row.js";

const HINT = "Tick runs to draw them. Hover one: it lights up everywhere.";

export class RunsList {
  /** tab: the RunsTab, with `ticks`, `rename(run, field, words)` and `remove(runs)`. */
  constructor(tab) {
    this.tab = tab;
    this.ticks = tab.ticks;
    this.runs = [];
    this.rows = new Map(); // run -> RunRow
    this.order = { ...USUAL };
    this.chosen = { model: "", text: "" };
    this.current = null; // the run whose row Tab reaches
    this.build();
    this.ticks.onChange(() => this.showTicks(), this.node);
    this.ticks.onLight((run) => this.showLit(run), this.node);
  }

  build() {
    this.node = make("div", "runs-list");
    this.filters = make("div", "runs-filters");
    this.menus = Object.entries({ model: "all models", text: "all texts" }).map(([name, all]) => {
      const menu = make("select", "runs-menu");
      menu.setAttribute("aria-label", `Show the runs of one ${name}`);
      menu.append(option(all, ""));
      menu.addEventListener("change", () => {
        this.chosen[name] = menu.value;
        this.arrange();
        moved();
      });
      this.filters.append(menu);
      return { name, menu };
    });
    this.more = button("all columns", "pill-button", "Show all that is known of each run", () => {
      this.showAll(!this.table.classList.contains("all"));
      moved();
    });
    press(this.more, false);
    this.count = make("span", "figure-unit runs-count");
    this.filters.append(this.more, this.count);

    this.table = make("table", "runs-table");
    const head = make("tr");
    const ticks = make("th");
    ticks.append(make("span", "sr-only", "drawn"));
    head.append(ticks);
    this.heads = COLUMNS.map((column) => {
      const cell = make("th", column.number ? "number" : "");
      cell.scope = "col";
      if (column.more) cell.classList.add("more");
      cell.append(button(column.label, "runs-sort", `Sort by ${column.label}: ${column.title}`, () => this.sort(column.key)));
      head.append(cell);
      return cell;
    });
    const top = make("thead");
    top.append(head);
    this.body = make("tbody");
    this.table.append(top, this.body);
    const scroll = make("div", "runs-scroll");
    scroll.append(this.table);
    this.words = make("p", "runs-said figure-unit", HINT);
    this.node.append(this.filters, scroll, this.words);
    this.ticks.lights(this.body, (node) => node.closest?.("tr")?.dataset.run ?? null);
    this.body.addEventListener("focusin", ({ target }) => this.goTo(target.closest("tr")?.dataset.run));
    listKeys(this);
  }

  /** Takes the runs that there are now, and sentences on those that cannot be read. */
  show(runs, problems = []) {
    this.runs = runs;
    this.damaged = problems.length ? ` · ${problems.length} cannot be read` : "";
    this.count.title = problems.join("\n");
    const at = [...this.body.children].findIndex((node) => node.contains(document.activeElement));
    const inItsPlace = () => [...this.body.children].slice(0, at + 1).at(-1)?.querySelector(".runs-tick");
    keepFocus(this.body, () => this.fill(), inItsPlace);
    this.showTicks();
  }

  fill() {
    const { runs } = this;
    const known = new Set(runs.map(({ run }) => run));
    for (const [token, row] of this.rows) {
      if (known.has(token)) continue;
      row.node.remove();
      this.rows.delete(token);
    }
    for (const run of runs) {
      const row = this.rows.get(run.run);
      if (row) row.show(run);
      else this.rows.set(run.run, new RunRow(this, run));
    }
    this.fillMenus();
    this.arrange();
  }

  showAll(on) {
    this.table.classList.toggle("all", on);
    press(this.more, on);
  }

  fillMenus() {
    const choices = { model: ["model", "model_title"], text: ["text_id", "text"] };
    for (const { name, menu } of this.menus) {
      const [value, title] = choices[name];
      const found = new Map(sorted(this.runs, "model", false).map((run) => [run[value], run[title]]));
      if ([...menu.options].slice(1).map((one) => one.value).join() === [...found.keys()].join()) continue;
      const all = menu.options[0];
      menu.replaceChildren(all, ...[...found].map(([key, words]) => option(words, key)));
      menu.value = found.has(this.chosen[name]) ? this.chosen[name] : "";
      this.chosen[name] = menu.value;
    }
  }

  sort(key) {
    const same = this.order.key === key;
    this.order = { key, down: same ? !this.order.down : false };
    this.arrange();
    moved();
  }

  /** Puts the rows into the order of the chosen column; a row that stays where it is, is not touched. */
  arrange() {
    const { key, down } = this.order;
    COLUMNS.forEach((column, index) => {
      const state = column.key === key ? (down ? "descending" : "ascending") : "none";
      this.heads[index].setAttribute("aria-sort", state);
    });
    const shown = sorted(filtered(this.runs, this.chosen), key, down);
    const nodes = shown.map(({ run }) => this.rows.get(run).node);
    if (this.body.querySelector(".runs-edit")) return; // a row that moved would end what is being written in it
    const wanted = new Set(nodes);
    const focused = document.activeElement;
    for (const node of [...this.body.children]) if (!wanted.has(node)) node.remove();
    nodes.forEach((node, index) => {
      if (this.body.children[index] !== node) this.body.insertBefore(node, this.body.children[index] ?? null);
    });
    if (this.body.contains(focused)) focused.focus(); // a row that was moved has lost it
    const part = shown.length === this.runs.length ? "" : `${shown.length} of `;
    this.count.textContent = `${part}${this.runs.length} runs${this.damaged}`;
    if (!shown.some(({ run }) => run === this.current)) this.current = shown[0]?.run ?? null;
    for (const [token, row] of this.rows) row.reachable(token === this.current);
  }

  goTo(token) {
    if (!token || token === this.current) return;
    this.rows.get(this.current)?.reachable(false);
    this.current = token;
    this.rows.get(token)?.reachable(true);
  }

  /** Brings a run's row into view and the focus to it. */
  reveal(token) {
    this.rows.get(token)?.tick.focus();
  }

  tick(token, on) {
    const full = this.ticks.runs.length;
    this.say(this.ticks.set(token, on) ? "" : `${full} runs are drawn, and no more can be told apart: untick one first.`);
    this.showTicks();
  }

  rename(token, field, words) {
    this.tab.rename(token, field, words);
  }

  showTicks() {
    for (const [token, row] of this.rows) row.showTick(this.ticks.places.get(token));
  }

  showLit(token) {
    for (const [run, row] of this.rows) row.node.classList.toggle("lit", run === token);
    const run = this.rows.get(token)?.run;
    if (!this.said) this.words.textContent = run ? detailOf(run) : HINT;
  }

  /** Says a sentence in place of the hint, for a while; it is read aloud, too. */
  say(sentence) {
    this.tab.say(sentence);
  }
}
