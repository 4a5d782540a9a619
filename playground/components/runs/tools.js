// The buttons above the list of runs: bring one, take the ticked ones away as files, delete them, and take that back.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { ExportMenu } from "../exchange/export_menu.js";
import { ImportPanel } from "../exchange/import_panel.js";
import { briefName, fullName } from "./words.js";

export class RunsTools {
  constructor(tab) {
    this.tab = tab;
    this.deletions = []; // each the runs {run, undo: key, name, ticked} that went together, the last one last
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
    this.undo = button("", "link-button runs-undo", "", () => this.restore());
    this.undo.hidden = true;
  }

  /** The keys of what was deleted here, which the server keeps as long as it hears of them. */
  get keys() {
    return this.deletions.flat().map(({ undo }) => undo);
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
    const ticked = new Set(this.tab.ticks.runs);
    const answer = await ask(this.tab.server, "remove", [{ runs }]);
    const deleted = (answer?.deleted ?? []).map((one) => {
      const run = this.tab.runOf(one.run);
      return { ...one, name: run ? briefName(run) : "a run", ticked: ticked.has(one.run) };
    });
    if (deleted.length) this.deletions.push(deleted);
    this.tab.say(answer ? answer.said : NO_ANSWER);
    this.showUndo();
    await this.tab.look();
    for (const run of runs) this.leaving.delete(run);
  }

  /** Brings back all runs that were deleted together, the last ones; those that were ticked are ticked again. */
  async restore() {
    const last = this.deletions.pop();
    if (!last) return;
    this.showUndo();
    const [back, left, problems] = [[], [], []];
    for (const one of last) {
      const answer = await ask(this.tab.server, "restore", [{ undo: one.undo }]);
      if (!answer) left.push(one);
      else if (answer.error) problems.push(answer.error);
      else back.push(one);
    }
    if (left.length) {
      this.deletions.push(left);
      problems.push(NO_ANSWER);
    }
    this.showUndo();
    await this.tab.look();
    for (const { run, ticked } of back) if (ticked) this.tab.ticks.set(run, true);
    const said = back.length === 1 ? [`Back in the list: ${back[0].name}.`] : back.length ? [`${back.length} runs are back.`] : [];
    this.tab.say([...said, ...new Set(problems)].join(" "));
    this.tab.reveal(back[0]?.run ?? this.tab.list.current);
  }

  showUndo() {
    const last = this.deletions.at(-1);
    this.undo.hidden = !last;
    if (!last) return;
    this.undo.textContent = `Undo: bring back ${last.length > 1 ? `${last.length} runs` : last[0].name}`;
    this.undo.title = last.map(({ name }) => name).join("\n");
  }
}
