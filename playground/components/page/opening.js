// What the page shows when it opens. As it is written, each tab has its included run and the defaults; the server
// is asked, once, only if the browser remembers another run or the address is a link.
import { ask } from "../basics/calls.js";
import { reloaded } from "./link.js";
import { textLinked } from "./chosen_text.js";
import { runsHere } from "./own_runs.js";

const PATIENCE_MS = 60000; // the page is what it is until then

let mount;
const mounted = new Promise((resolve) => {
  mount = resolve;
});

/** Knows `props.included`, [model, its included run] of each tab, and how many outputs the event has. */
export const opening = (_element, props, _watch, server) => mount({ ...props, server });

/** The remembered runs, in the order of the tabs, that these do not show already: {model: run}.
 *
 * runs: of this browser, whichever of its tabs showed them last; here: of this tab of the browser, by model. */
export function remembered(included, runs, here = {}) {
  const others = included.map(([model, shown], index) => [model, here[model] ?? runs[index], runs[index], shown]);
  const differs = ([, run, last, shown]) => run && (run !== shown || (last && last !== run));
  return Object.fromEntries(others.filter(differs).map(([model, run]) => [model, run]));
}

/** The outputs of the event of opening, from its inputs: the text, and the remembered run of each tab. */
export async function opened([text, ...runs]) {
  const { included, outputs, server } = await mounted;
  const others = remembered(included, runs, runsHere());
  const link = [...new URLSearchParams(location.search)];
  if (!link.length && !Object.keys(others).length) return [];
  const answer = await ask(server, "restore", [textLinked(text), link, others, reloaded], PATIENCE_MS);
  // What has no update stays as it is.
  return answer ? Array.from({ length: outputs }, (_, place) => answer[place]) : [];
}
