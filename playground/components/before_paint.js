// Runs in the page itself, before every other script (`page_first` in `__init__.py`): a module would run too late.
"use strict";

// A browser may refuse storage: to a frame of another site, or with cookies blocked. Gradio's states take it for
// granted, and the page would load for ever. In its place comes one that forgets everything with the page.
for (const name of ["localStorage", "sessionStorage"]) {
  try {
    window[name].getItem("playground-theme");
  } catch {
    const kept = new Map();
    const value = {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, text) => void kept.set(String(key), String(text)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() {
        return kept.size;
      },
    };
    Object.defineProperty(window, name, { configurable: true, value });
  }
}

// Sets the stored theme before the page is painted, so that a dark page does not flash white first.
document.addEventListener("DOMContentLoaded", () => {
  const theme = localStorage.getItem("playground-theme");
  if (theme) document.body.classList.toggle("dark", theme === "dark");
});
