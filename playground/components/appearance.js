// Dark and light, and how charts follow: they read their colours from style/colours.css.
"use strict";

{
  const THEME = "playground-theme";
  const themeListeners = new Map(); // node -> what to do while it is on the page
  const isDark = () => document.body.classList.contains("dark");

  function storedTheme() {
    try {
      return localStorage.getItem(THEME);
    } catch {
      return null; // storage may be switched off: the system's choice stands
    }
  }

  function applyStoredTheme() {
    const stored = storedTheme();
    if (stored && (stored === "dark") !== isDark()) {
      document.body.classList.toggle("dark", stored === "dark");
    }
  }

  function toggleTheme() {
    const next = isDark() ? "light" : "dark";
    try {
      localStorage.setItem(THEME, next);
    } catch {
      // not kept, but the page still turns
    }
    document.body.classList.toggle("dark", next === "dark");
  }

  function onTheme(node, act) {
    themeListeners.set(node, act);
  }

  let wasDark = null;
  function watchTheme() {
    applyStoredTheme(); // Gradio sets the system's choice when it mounts
    if (isDark() === wasDark) return;
    wasDark = isDark();
    for (const [node, act] of themeListeners) {
      if (node.isConnected) act();
      else themeListeners.delete(node);
    }
  }

  /** Reads a colour of style/colours.css, so that charts turn dark with the page. */
  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(`--chart-${name}`).trim();
  }

  // The same for every chart of the page.
  const PLOT_CONFIG = {
    displayModeBar: false,
    displaylogo: false,
    showSendToCloud: false,
    doubleClick: false,
    responsive: false,
  };

  Playground.parts.appearance = {
    PLOT_CONFIG,
    isDark,
    applyStoredTheme,
    toggleTheme,
    onTheme,
    colour,
  };

  new MutationObserver(watchTheme).observe(document.body, { attributeFilter: ["class"] });
  watchTheme();
}
