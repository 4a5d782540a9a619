// The buttons above the list of runs: bring one, take the ticked ones away as files, delete them, and take that back.
import { ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { remember } from "../page/own_runs.js";
import { fullName } from "./words.js";

const ADDRESS = "./run.zip"; // playground/runs/run_files.py
const KIND = "application/zip";
const TOO_LARGE = 413; // a proxy's answer is a page, without a sentence of ours
const NO_ANSWER = "The server does not answer. Try again in a moment.";

export class RunsTools {
  constructor(tab) {
    this.tab = tab;
    this.deleted = []; // {run, undo: key, name}, the last one last
    this.leaving = new Set(); // runs that are being deleted
    this.file = make("input", "runs-file");
    this.file.type = "file";
    this.file.accept = ".zip,application/zip";
    this.file.hidden = true;
    this.file.setAttribute("aria-label", "The zip file of a run");
    this.file.addEventListener("change", () => this.bring());
    this.import = button("import", "pill-button", "Bring a run from a zip file", () => this.file.click());
    this.menu = make("details", "runs-export");
    this.menu.append(make("summary", "pill-button", "export ▾"), make("ul"));
    this.menu.firstChild.title = "Download the ticked runs, each as a zip file";
    this.menu.addEventListener("toggle", () => this.menu.open && this.fill());
    this.menu.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    document.addEventListener("click", ({ target }) => this.menu.contains(target) || this.close());
    const del = button("delete", "pill-button", "Delete the ticked runs; it can be taken back", () => this.remove(tab.ticks.runs));
    this.node = make("span", "figure-tools runs-tools");
    this.node.append(this.file, this.import, this.menu, del);
    this.undo = make("p", "runs-undo");
    this.undoWords = make("span");
    this.undo.append(this.undoWords, button("Undo", "link-button", "Bring the last deleted run back", () => this.restore()));
    this.undo.hidden = true;
  }

  /** The keys of what was deleted here, which the server keeps as long as it hears of them. */
  get keys() {
    return this.deleted.map(({ undo }) => undo);
  }

  close() {
    this.menu.open = false;
  }

  /** A link for each ticked run. */
  fill() {
    const runs = this.tab.ticks.runs.map(this.tab.runOf).filter(Boolean);
    const items = runs.map((run) => {
      const link = make("a", "", fullName(run));
      link.href = `${ADDRESS}?run=${encodeURIComponent(run.run)}`;
      link.download = "";
      link.addEventListener("click", () => this.close());
      const item = make("li");
      item.append(link);
      return item;
    });
    this.menu.lastChild.replaceChildren(...(items.length ? items : [make("li", "", "Tick a run first.")]));
  }

  async bring() {
    const [file] = this.file.files;
    this.file.value = ""; // the same file may be chosen again
    if (!file) return;
    this.import.disabled = true;
    this.tab.say(`Reading ${file.name} …`);
    const answer = await sent(file);
    this.import.disabled = false;
    if (!answer.run) return this.tab.say(answer.error);
    remember(answer.run);
    await this.tab.look();
    const ticked = this.tab.ticks.set(answer.run, true);
    this.tab.reveal(answer.run);
    this.tab.say(`The run is in the list${ticked ? ", and ticked" : ""}.`);
  }

  async remove(all) {
    if (!all.length) return this.tab.say("Tick the runs that are to be deleted.");
    const runs = all.filter((run) => !this.leaving.has(run));
    if (!runs.length) return; // a second click, while the first is under way
    for (const run of runs) this.leaving.add(run);
    const answer = await ask(this.tab.server, "remove", [{ runs }]);
    for (const one of answer?.deleted ?? []) {
      const run = this.tab.runOf(one.run);
      this.deleted.push({ ...one, name: run ? fullName(run) : "a run" });
    }
    this.tab.say(answer ? answer.said : NO_ANSWER);
    this.showUndo();
    await this.tab.look();
    for (const run of runs) this.leaving.delete(run);
  }

  async restore() {
    const last = this.deleted.pop();
    if (!last) return;
    this.showUndo();
    const answer = await ask(this.tab.server, "restore", [{ undo: last.undo }]);
    if (!answer) this.deleted.push(last);
    this.tab.say(answer ? (answer.error ?? `${last.name} is back.`) : NO_ANSWER);
    this.showUndo();
    await this.tab.look();
    if (answer && !answer.error) this.tab.reveal(last.run);
  }

  showUndo() {
    const last = this.deleted.at(-1);
    this.undo.hidden = !last;
    if (!last) return;
    const more = this.deleted.length > 1 ? `, and ${this.deleted.length - 1} before it` : "";
    this.undoWords.textContent = `Deleted: ${last.name}${more}. `;
  }
}

const tooLarge = ({ name, size }) =>
  `${name} has ${(size / 1e6).toFixed(1)} MB, and a proxy before the server takes in no file of that size.`;

/** Sends a file; resolves to {run} or {error}. */
export async function sent(file) {
  try {
    const answer = await window.fetch(ADDRESS, { method: "POST", body: file, headers: { "Content-Type": KIND } });
    const told = await answer.json().catch(() => (answer.status === TOO_LARGE ? { error: tooLarge(file) } : {}));
    return told.run ? told : { error: told.error ?? told.detail ?? NO_ANSWER };
  } catch {
    return { error: NO_ANSWER };
  }
}
