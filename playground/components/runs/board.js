// The Board tab: the runs to which visitors gave a name, best first, for the text that is chosen.
import { ask } from "../basics/calls.js";
import { chosenText, onText } from "../page/chosen_text.js";
import { button, isVisible, keepFocus, make } from "../basics/dom.js";
import { inBrowser } from "../basics/storage.js";
import { runsShown } from "../tab/tab.js";
import { decimalsOf, whole } from "../basics/wording.js";

const EVERY_MS = 2000;
const OWNER = "lm-board-owner"; // by it this page withdraws its own entries
const NAME = "lm-board-name";
const LONGEST = 30; // characters of a name
const HEADS = ["", "name", "model", "best loss", "step", "settings", ""];

/** The entries of the chosen text, and the other texts with how many entries each has. */
export function entriesOf(entries, text) {
  const others = new Map();
  for (const entry of entries) {
    if (entry.text !== text) others.set(entry.text_title, (others.get(entry.text_title) ?? 0) + 1);
  }
  return { shown: entries.filter((entry) => entry.text === text), others };
}

/** The sentence beneath the list. */
export function boardWords(shown, others) {
  const [first, second] = shown.filter(({ best }) => Number.isFinite(best));
  const decimals = decimalsOf([first?.best, second?.best]);
  const lead = (second?.best - first?.best).toFixed(decimals);
  const ahead = second && Number(lead) > 0 && `${first.name} leads by ${lead} nats per character.`;
  const elsewhere = [...others].map(([title, count]) => `${title}: ${count}`).join(", ");
  const more = elsewhere && `On other texts, which do not compare: ${elsewhere}.`;
  const nobody = !shown.length && "Nobody is on the board for this text yet.";
  return [nobody, ahead, more].filter(Boolean).join(" ");
}

/** Own runs that can be shown: of the tabs of this page, without the included ones. */
const own = () => runsShown().filter(({ record }) => record.run && !record.run.startsWith("shipped:"));

function ownerOfPage() {
  const fresh = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16)).join("-");
  const owner = inBrowser.text(OWNER) ?? fresh;
  inBrowser.keepText(OWNER, owner);
  return owner;
}

export class Board {
  constructor(element, _props, _watch, server) {
    this.server = server;
    this.owner = ownerOfPage();
    this.entries = [];
    this.build(element);
    onText(() => this.draw(), element);
    this.timer = setInterval(() => this.refresh(), EVERY_MS);
    new ResizeObserver(() => this.refresh()).observe(this.card); // when the tab is opened
  }

  build(element) {
    this.card = make("div", "card board");
    const head = make("div", "figure-head");
    head.append(
      make("h2", "figure-title", "Class board"),
      make("span", "figure-unit", "best validation loss, nats per character; lower is better"),
    );
    this.form = make("form", "board-form");
    this.name = make("input", "text-input");
    this.name.maxLength = LONGEST;
    this.name.placeholder = "a name for it";
    this.name.value = inBrowser.text(NAME) ?? "";
    this.name.setAttribute("aria-label", "The name under which your run is shown");
    this.menu = make("select", "board-run");
    this.menu.setAttribute("aria-label", "Your run");
    this.put = make("button", "pill-button", "Show on the board");
    this.form.append("Your run", this.menu, this.name, this.put);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.show();
    });
    this.problem = make("p", "board-problem");
    this.problem.setAttribute("role", "alert");
    this.table = make("table", "board-list");
    const row = make("tr");
    for (const title of HEADS) {
      const cell = make("th", "", title);
      cell.scope = "col";
      row.append(cell);
    }
    const top = make("thead");
    top.append(row);
    this.rows = make("tbody");
    this.table.append(top, this.rows);
    this.words = make("p", "figure-words");
    this.card.append(head, this.form, this.problem, this.table, this.words);
    element.replaceChildren(this.card);
  }

  async refresh() {
    if (!this.card.isConnected) return clearInterval(this.timer);
    if (!isVisible(this.card) || this.asking) return;
    this.asking = true;
    const answer = await ask(this.server, "entries", [this.owner]);
    this.asking = false;
    this.take(answer ?? { error: "The server does not answer; the list is as it was." });
  }

  /** Puts the chosen run on the board, or renames it there. */
  async show() {
    const name = this.name.value.trim();
    inBrowser.keepText(NAME, name);
    const answer = await ask(this.server, "put", [[name, this.menu.value, this.owner]]);
    this.problem.dataset.kept = String(Boolean(answer?.error));
    this.take(answer ?? { error: "The server does not answer: try again." });
  }

  async withdraw(id) {
    this.take((await ask(this.server, "withdraw", [[id, this.owner]])) ?? {});
  }

  take({ entries, error }) {
    if (entries) this.entries = entries;
    // A refusal stays until the next press, also when the list is fetched anew.
    if (error || this.problem.dataset.kept !== "true") this.problem.textContent = error ?? "";
    this.draw();
  }

  draw() {
    this.drawMenu();
    const { shown, others } = entriesOf(this.entries, chosenText());
    const decimals = decimalsOf(shown.map(({ best }) => best));
    const focused = this.rows.querySelector("button:focus")?.dataset.id;
    const fill = () => this.rows.replaceChildren(...shown.map((entry, index) => this.row(entry, index, decimals)));
    keepFocus(this.rows, fill, () => this.rows.querySelector(`[data-id="${focused}"]`) ?? this.name);
    this.table.hidden = !shown.length;
    this.words.textContent = boardWords(shown, others);
  }

  drawMenu() {
    const runs = own();
    const chosen = this.menu.value;
    this.menu.replaceChildren(
      ...runs.map(({ key, record }) => {
        const option = make("option", "", `${key.replaceAll("_", " ")}, ${record.status ?? ""}`);
        option.value = record.run;
        return option;
      }),
    );
    if (runs.some(({ record }) => record.run === chosen)) this.menu.value = chosen;
    this.put.disabled = this.menu.disabled = !runs.length;
    if (!runs.length) this.menu.append(make("option", "", "none yet: train a model first"));
  }

  row(entry, index, decimals) {
    const row = make("tr", entry.own ? "own" : "");
    const known = Number.isFinite(entry.best);
    const name = make("td", "board-name", entry.name);
    name.dir = "auto";
    const live = entry.status === "running";
    const last = make("td");
    if (entry.own) {
      const away = button("withdraw", "pill-button", `Take ${entry.name} off the board`, () => this.withdraw(entry.id));
      away.dataset.id = entry.id;
      last.append(away);
    }
    row.append(
      make("td", "board-place", known ? String(index + 1) : ""),
      name,
      make("td", "", entry.model),
      make("td", "board-loss", known ? entry.best.toFixed(decimals) : "–"),
      make("td", live ? "live" : "", `${whole(entry.step)} of ${whole(entry.steps)}`),
      make("td", "board-settings", entry.settings),
      last,
    );
    return row;
  }
}
