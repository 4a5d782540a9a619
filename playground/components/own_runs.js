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

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter((run) => typeof run === "string") : [];
  } catch {
    return [];
  }
}
