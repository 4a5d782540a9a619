// The mask designer: who may look where with the settings that the controls show, and how far information travels
// through the layers. It is drawn in the browser, so that it follows a slider at once.
import { colour, onTheme } from "../page/appearance.js";
import { make, onShown } from "../basics/dom.js";
import { tab } from "../tab/tab.js";
import { maskOf, reach } from "./looks.js";
import { maskWords, reachWords, rows, savedWords } from "./words.js";

const MOST_CELLS = 256; // of a side of the picture; a longer context has several positions in a cell
const USED = { full: [], window: ["window"], strided: ["stride"], dilated: ["window", "stride"] };
Object.assign(USED, { sinks: ["sinks", "window"], prefix: ["prefix"] });
const NUMBERS = ["window", "stride", "sinks", "prefix", "alternate"];

class MaskDesigner {
  constructor(element, { feed, facts }) {
    [this.element, this.key, this.facts, this.tab] = [element, feed, facts, tab(feed)];
    const [mask, reached] = [picture("mask"), picture("reach")];
    this.table = make("table", "mask-costs");
    this.saved = make("p", "figure-words");
    element.replaceChildren(mask.node, this.table, this.saved, reached.node);
    Object.assign(this, { mask, reached });
    this.tab.onChoice(() => this.show(), element);
    onTheme(element, () => this.show());
    onShown(element, () => this.show());
  }

  /** The settings that the controls show, by name; null if the model cannot be made of them. */
  get settings() {
    const { chosen, settings } = this.tab;
    if (!chosen) return null;
    const c = Object.fromEntries(settings.map(([name], index) => [name, chosen.values[index]]));
    for (const name of ["context_length", "n_embd", ...USED[c.pattern]]) {
      if (!Number.isInteger(c[name]) || c[name] < 1) return null;
    }
    return { ...c, blocks: this.facts.blocks, positions: this.facts.rolls ? c.positions : "learned" };
  }

  show() {
    const c = this.settings;
    if (!c) return;
    this.offer(c.pattern);
    if (this.element.offsetParent === null) return;
    const side = Math.min(c.context_length, MOST_CELLS);
    const { shares, pairs } = maskOf(c, side);
    paint(this.mask.canvas, side, side, (cell) => shares[cell]);
    this.mask.tell(maskWords(c, pairs));
    this.table.replaceChildren(head(), ...rows(c, pairs, this.facts).map((cells) => row(cells)));
    this.saved.textContent = savedWords(c, this.facts);
    const known = reach(c);
    const place = (column) => Math.floor((column * c.context_length) / side);
    paint(this.reached.canvas, side, known.length, (cell) => known[Math.floor(cell / side)][place(cell % side)]);
    this.reached.canvas.style.height = `${Math.min(96, Math.max(10, 12 * known.length))}px`;
    this.reached.tell(reachWords(c, known.map((layer) => layer.reduce((sum, one) => sum + one, 0))));
  }

  /** Shows the numbers that the pattern uses, and hides the others. */
  offer(pattern) {
    for (const name of NUMBERS) {
      const block = document.getElementById(`${this.key}-${name}`);
      const used = name === "alternate" ? pattern !== "full" : USED[pattern].includes(name);
      block?.classList.toggle("not-of-pattern", !used);
    }
  }
}

export const maskDesigner = (...mounted) => new MaskDesigner(...mounted);

function picture(kind) {
  const node = make("figure", `designed designed-${kind}`);
  const canvas = make("canvas", "designed-canvas");
  const words = make("figcaption", "figure-words");
  canvas.setAttribute("role", "img");
  node.append(canvas, words);
  const tell = (sentence) => {
    words.textContent = sentence;
    canvas.setAttribute("aria-label", sentence);
  };
  return { node, canvas, tell };
}

/** Paints width × height cells; share(cell): of its pairs, how many may look. */
function paint(canvas, width, height, share) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillStyle = colour("masked");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour("train");
  for (let cell = 0; cell < width * height; cell += 1) {
    context.globalAlpha = Math.sqrt(share(cell)); // so that a thin line is seen
    if (context.globalAlpha) context.fillRect(cell % width, Math.floor(cell / width), 1, 1);
  }
}

function head() {
  return row(["attention", "pattern", "full"], "th");
}

function row(cells, kind = "td") {
  const node = make("tr");
  node.append(...cells.map((text, place) => make(place || kind === "th" ? kind : "th", "", text)));
  return node;
}
