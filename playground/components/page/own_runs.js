// The runs that this browser began or brought, by their unguessable tokens. Where strangers share a page, the server
// shows no others; everywhere else it lists all runs of its folder.
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
  try {
    localStorage.setItem(KEY, JSON.stringify(runs));
  } catch {
    // the browser refuses storage: known until the page is left
  }
}

const HERE = "playground-shown"; // in the storage of the browser's tab: {model: run}, each tab has its own

/** The runs that this tab of the browser showed before it was loaded again, {model: run}. */
export function runsHere() {
  try {
    return JSON.parse(window.sessionStorage.getItem(HERE)) ?? {};
  } catch {
    return {};
  }
}

/** Remembers the run that a model's tab shows. */
export function rememberHere(model, run) {
  if (!run) return;
  try {
    window.sessionStorage.setItem(HERE, JSON.stringify({ ...runsHere(), [model]: run }));
  } catch {
    // the browser refuses storage: forgotten with the page
  }
}

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter((run) => typeof run === "string") : [];
  } catch {
    return [];
  }
}
