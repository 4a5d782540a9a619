// The buttons above the list of runs: bring one, take the ticked ones away as files, delete them, and take that back.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { ExportMenu } from "../exchange/export_menu.js";
import { ImportPanel } from "../exchange/import_panel.js";
import { fullName } from "./words.js";


export class RunsTools {
  constructor(tab) {
    this.tab = tab;
    this.deleted = []; // {run, undo: key, name}, the last one last
    this.leaving = new Set(); // runs that are being deleted
    this.panel = new ImportPanel((came) => this.brought(came));
    this.panel.node.hidden = true;
    this.import = button("import", "pill-button", "Bring a run, or a model that others trained", () => this.showPanel());
    this.import.setAttribute("aria-expanded", "false");
    this.menu = new ExportMenu({
      runs: () => tab.ticks.runs.map(tab.runOf).filter(Boolean).map((run) => [run.run, fullName(run)]),
      none: "Tick a run first.",
      title: "Download the ticked runs, also for other programs",
    });
    const del = button("delete", "pill-button", "Delete the ticked runs; it can be taken back", () => this.remove(tab.ticks.runs));
    this.node = make("span", "figure-tools runs-tools");
    this.node.append(this.import, this.menu.node, del);
    this.undo = make("p", "runs-undo");
    this.undoWords = make("span");
    this.undo.append(this.undoWords, button("Undo", "link-button", "Bring the last deleted run back", () => this.restore()));
    this.undo.hidden = true;
  }

  /** The keys of what was deleted here, which the server keeps as long as it hears of them. */
  get keys() {
    return this.deleted.map(({ undo }) => undo);
  }

  showPanel(on = this.panel.node.hidden) {
    this.panel.node.hidden = !on;
    this.import.setAttribute("aria-expanded", String(on));
    if (on) this.panel.name.focus();
  }

  /** A run or a model has come: it is in the list, and ticked. */
  async brought({ run, model, title }) {
    await this.tab.look();
    const ticked = this.tab.ticks.set(run, true);
    this.showPanel(false);
    this.tab.reveal(run);
    const what = model ? `${title} is in the list${ticked ? ", and ticked" : ""}. ` : `The run is in the list${ticked ? ", and ticked" : ""}.`;
    this.tab.say(what.trim());
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
    this.tab.reveal(answer && !answer.error ? last.run : this.tab.list.current);
  }

  showUndo() {
    const last = this.deleted.at(-1);
    this.undo.hidden = !last;
    if (!last) return;
    const more = this.deleted.length > 1 ? `, and ${this.deleted.length - 1} before it` : "";
    this.undoWords.textContent = `Deleted: ${last.name}${more}. `;
  }
}
