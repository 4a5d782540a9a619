// The export of runs: for each a choice of formats, and how far the one that was chosen is.
import { button, make } from "../basics/dom.js";
import { whole } from "../basics/wording.js";
import { Progress, begun, ended, fetched } from "./jobs.js";

const ZIP = "./run.zip"; // playground/runs/run_files.py
export const FORMATS = [
  ["zip", "the whole run in one file, to share it or to bring it to another page"],
  ["huggingface", "a folder for transformers"],
  ["gguf", "a file for llama.cpp"],
  ["onnx", "a graph for onnxruntime"],
  ["script", "one Python file that needs torch alone, and the weights"],
];

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

export class ExportMenu {
  /** runs(): [[token, name], ...] that can be exported now; none: a sentence if there are none; title: of the button.
   *
   * step(): of the snapshot that is exported, null: the last. */
  constructor({ runs, none, title, step = () => null }) {
    Object.assign(this, { runs, none, step });
    this.node = make("details", "runs-export model-export");
    this.open = make("summary", "pill-button", "export ▾");
    this.open.title = title;
    this.list = make("ul");
    this.progress = new Progress();
    this.working = false;
    const box = make("div", "exchange-box");
    box.append(this.list, this.progress.node);
    this.node.append(this.open, box);
    this.node.addEventListener("toggle", () => this.node.open && this.fill());
    this.node.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      this.node.open = false;
      this.open.focus();
    });
    document.addEventListener("click", ({ target }) => {
      if (!this.node.contains(target) && !this.working) this.node.open = false;
    });
  }

  fill() {
    if (!this.working) this.progress.say("");
    const runs = this.runs();
    const items = runs.map(([run, name]) => (runs.length > 1 ? this.short(run, name) : this.long(run, name)));
    this.list.replaceChildren(...(items.length ? items.flat() : [make("li", "", this.none)]));
  }

  /** A line for each format, with its purpose. */
  long(run, name) {
    return [make("li", "exchange-name", name), ...FORMATS.map(([format, purpose]) => {
      const item = make("li");
      item.append(this.choice(run, name, format, purpose), make("span", "exchange-purpose", purpose));
      return item;
    })];
  }

  /** One line with all formats. */
  short(run, name) {
    const item = make("li", "exchange-row");
    const choices = FORMATS.map(([format, purpose]) => this.choice(run, name, format, purpose));
    item.append(make("span", "exchange-name", name), ...choices);
    return item;
  }

  choice(run, name, format, purpose) {
    const title = `Download ${name} as ${format}: ${purpose}`;
    if (format !== "zip") {
      const act = button(format, "link-button", title, () => this.export(run, format));
      act.dataset.format = format;
      return act;
    }
    const link = make("a", "", format);
    link.href = `${ZIP}?run=${encodeURIComponent(run)}`;
    link.download = "";
    link.title = title;
    link.addEventListener("click", (event) => {
      if (link.checked) return this.close();
      event.preventDefault();
      return this.check(run, link);
    });
    return link;
  }

  /** Downloads the zip of a run, unless the server says why it cannot be made. */
  async check(run, link) {
    const { error } = await begun({ run, to: "zip" });
    if (error) return this.progress.say(error, true);
    link.checked = true;
    link.click();
    link.checked = false;
  }

  close() {
    this.node.open = false;
    this.open.focus();
  }

  async export(run, format) {
    if (this.working) return;
    this.working = true;
    this.progress.tell(`Exporting as ${format}`);
    const tell = (sentence, share) => this.progress.tell(sentence, share);
    const answer = await ended(await begun({ run, to: format, step: this.step() }), tell);
    if (!answer.error) fetched(answer); // while it works: the click on its link would close this menu
    this.working = false;
    if (answer.error) return this.progress.say(answer.error, true);
    this.progress.say(`${answer.name}, ${size(answer.bytes)}, is on its way to your downloads.`);
  }
}

/** The menu of a model's tab: the run shown, at the moment shown. */
export function exportOf(tab) {
  const words = () => (tab.step === null ? "The run shown" : `The run shown, at step ${whole(tab.step)}`);
  const runs = () => (tab.record.run ? [[tab.record.run, words()]] : []);
  const title = "Download this model: the run, or a file for another program";
  return new ExportMenu({ runs, none: "There is no run yet: press Train.", title, step: () => tab.step }).node;
}
