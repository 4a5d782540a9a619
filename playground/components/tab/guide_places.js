// Where a visitor was in each guide, and whether the guides are closed: kept in the browser.
const PLACES = "playground-guide"; // the key in the browser's storage

/** The places by the rung's name, with "tour", the guide of the last one, and "closed". */
export function placesKept() {
  try {
    return JSON.parse(localStorage.getItem(PLACES)) ?? {};
  } catch {
    return {};
  }
}

export const keepPlace = (key, index) => store({ ...placesKept(), [key]: index, tour: key });

const keepClosed = (closed) => store({ ...placesKept(), closed });

function store(places) {
  try {
    localStorage.setItem(PLACES, JSON.stringify(places));
  } catch {} // eslint-disable-line no-empty -- not remembered, but the page works
}

/** Opens or closes the guides of all tabs. */
export function showGuides(on) {
  document.body.classList.toggle("no-guide", !on);
  keepClosed(!on);
}

export const guidesShown = () => !document.body.classList.contains("no-guide");

/** Closes the guides if the visitor closed them before. */
export function applyStoredGuides() {
  document.body.classList.toggle("no-guide", Boolean(placesKept().closed));
}
