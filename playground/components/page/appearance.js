// Dark and light. Charts follow: they read their colours from style/colours.css.
import { Listeners } from "../basics/listeners.js";
import { inBrowser } from "../basics/storage.js";

const THEME = "playground-theme"; // before_paint.js reads it, too
const themeListeners = new Listeners();
let wasDark = null;

export const isDark = () => document.body.classList.contains("dark");

export function applyStoredTheme() {
  const stored = inBrowser.text(THEME);
  if (stored && (stored === "dark") !== isDark()) {
    document.body.classList.toggle("dark", stored === "dark");
  }
}

export function toggleTheme() {
  const next = isDark() ? "light" : "dark";
  inBrowser.keepText(THEME, next);
  document.body.classList.toggle("dark", next === "dark");
}

/** Calls `act` whenever the page turns dark or light, while `node` is on it. */
export function onTheme(node, act) {
  themeListeners.add(act, node);
}

/** Watches the page's theme from now on. */
export function watchTheme() {
  new MutationObserver(followTheme).observe(document.body, { attributeFilter: ["class"] });
  followTheme();
}

function followTheme() {
  applyStoredTheme(); // Gradio sets the system's choice when it mounts
  if (isDark() === wasDark) return;
  wasDark = isDark();
  themeListeners.call();
}

/** Reads a colour of style/colours.css, so that charts turn dark with the page. */
export function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(`--chart-${name}`).trim();
}

// Plotly's configuration, the same for every chart of the page.
export const PLOT_CONFIG = {
  displayModeBar: false,
  displaylogo: false,
  showSendToCloud: false,
  doubleClick: false,
  responsive: false,
  // What cuts a curve at the axes is named without the page's address, which changes: a name with an old
  // address is not found, and curves would run on into the margins.
  _baseUrl: "",
};
