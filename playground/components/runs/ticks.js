// Which runs are ticked, each with its place among the colours, and which run is lit up. Shared by the list, the
// chart and the samples of the Runs tab.
import { join, moved, openable, reloaded, tokensIn } from "../page/link.js";
import { Listeners } from "../basics/listeners.js";
import { inTab } from "../basics/storage.js";

export const MOST = 10; // runs that are drawn at once: so many lines can be told apart
const KEY = "playground-ticked";

/** The name of the colour of a place, for `colour` and for style/runs.css. */
export const colourOf = (place) => `run-${place}`;

/** Lines of the second half of the places are dashed: those who see no colours tell ten lines apart. */
export const dashOf = (place) => (place >= MOST / 2 ? "dash" : "solid");

export class Ticks {
  /** stored: keep the ticks for a reload of the page; from: the first place that is used. */
  constructor(stored = true, from = 0) {
    Object.assign(this, { stored, from });
    this.places = new Map(); // run -> place, in the order of ticking
    this.usual = null; // the runs that are ticked before anybody has ticked one
    this.lit = null;
    this.listeners = new Listeners();
    this.litListeners = new Listeners();
    this.remembered = stored ? remembered() : null; // null: nothing was ever ticked here
    if (stored) this.joinLink();
    for (const run of this.remembered ?? []) this.take(run);
  }

  joinLink() {
    const told = () => (this.remembered ? { ticked: this.runs.join() === this.usual ? null : openable(this.runs) } : null);
    join("runs", ["ticked"], told, ({ ticked }) => {
      if (!(reloaded && this.remembered)) this.remembered = tokensIn(ticked).slice(0, MOST);
    });
  }

  get runs() {
    return [...this.places.keys()];
  }

  /** The run with which the others are compared. */
  get first() {
    return this.runs[0] ?? null;
  }

  has(run) {
    return this.places.has(run);
  }

  /** Ticks or unticks a run; false if there is no place for it. */
  set(run, on) {
    if (on === this.has(run)) return true;
    if (on && !this.take(run)) return false;
    if (!on) this.places.delete(run);
    this.changed();
    return true;
  }

  /** Ticks these runs only. */
  replace(runs) {
    this.places.clear();
    for (const run of runs) this.take(run);
    this.changed();
  }

  /** Unticks these runs; the others keep their colours. */
  drop(runs) {
    for (const run of runs) this.places.delete(run);
    this.changed();
  }

  take(run) {
    const taken = new Set(this.places.values());
    const place = [...Array(MOST).keys()].find((one) => one >= this.from && !taken.has(one));
    if (place === undefined) return false;
    this.places.set(run, place);
    return true;
  }

  changed() {
    if (this.lit && !this.has(this.lit)) this.light(null);
    if (this.stored) inTab.keep(KEY, this.runs);
    if (this.stored) moved();
    this.listeners.call();
  }

  /** Lights a run up everywhere; null: none. */
  light(run) {
    if (run === this.lit) return;
    this.lit = run;
    this.litListeners.call(run);
  }

  /** Calls act() when other runs are ticked, while `node` is on the page. */
  onChange(act, node) {
    this.listeners.add(act, node);
  }

  /** Calls act(run or null) when another run is lit up. */
  onLight(act, node) {
    this.litListeners.add(act, node);
  }

  /** Lights a run up while the pointer or the focus is on a node; runOf(node): of the node inside it. */
  lights(node, runOf) {
    const on = (event) => this.light(runOf(event.target));
    const off = (event) => node.contains(event.relatedTarget) || this.light(null);
    node.addEventListener("pointerover", on);
    node.addEventListener("focusin", on);
    node.addEventListener("pointerleave", off);
    node.addEventListener("focusout", off);
  }
}

function remembered() {
  const runs = inTab.value(KEY);
  return Array.isArray(runs) ? runs.filter((run) => typeof run === "string").slice(0, MOST) : null;
}
