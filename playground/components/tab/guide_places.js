// Where a visitor was in each guide, and whether the guides are closed: kept in the browser.
import { inBrowser } from "../basics/storage.js";

const PLACES = "playground-guide";

/** The places by the rung's name, with "tour", the guide of the last one, and "closed". */
export const placesKept = () => inBrowser.value(PLACES) ?? {};

export const keepPlace = (key, index) => inBrowser.keep(PLACES, { ...placesKept(), [key]: index, tour: key });

/** Opens or closes the guides of all tabs. */
export function showGuides(on) {
  document.body.classList.toggle("no-guide", !on);
  inBrowser.keep(PLACES, { ...placesKept(), closed: !on });
}

export const guidesShown = () => !document.body.classList.contains("no-guide");

/** Closes the guides if the visitor closed them before. */
export function applyStoredGuides() {
  document.body.classList.toggle("no-guide", Boolean(placesKept().closed));
}
