// The runs that this browser began or brought, by their unguessable tokens. Where strangers share a page, the server
// shows no others; everywhere else it lists all runs of its folder.
import { inBrowser, inTab } from "../basics/storage.js";

const KEY = "playground-runs";
const MOST = 500;

let runs = null; // the newest last

/** The tokens of these runs. */
export function ownRuns() {
  runs ??= stored();
  return runs;
}

/** Remembers a run, if its token is one of those. */
export function remember(run) {
  if (!run || run.includes(":") || ownRuns().includes(run)) return;
  runs = [...new Set([...stored(), ...runs, run])].slice(-MOST); // another tab may have added some
  inBrowser.keep(KEY, runs);
}

const HERE = "playground-shown";

/** The runs that this tab of the browser showed before it was loaded again, {model: run}. */
export const runsHere = () => inTab.value(HERE) ?? {};

/** Remembers the run that a model's tab shows. */
export function rememberHere(model, run) {
  if (run) inTab.keep(HERE, { ...runsHere(), [model]: run });
}

function stored() {
  const found = inBrowser.value(KEY);
  return Array.isArray(found) ? found.filter((run) => typeof run === "string") : [];
}
