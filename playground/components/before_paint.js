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

// A sandboxed frame without allow-same-origin has no origin. The browser refuses it every module, and the server must
// not answer it either: any site could open such a frame, and steer a playground that runs on one's own machine.
if (window.origin === "null") {
  document.addEventListener("DOMContentLoaded", () => {
    const link = document.createElement("a");
    Object.assign(link, { href: location.href, target: "_blank", rel: "noopener", textContent: location.href });
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    said.append(
      "This page is in a frame whose sandbox lacks allow-same-origin, and the browser refuses it its scripts. " +
        "The page with the frame must allow it; or open this one in a tab of its own: ",
      link,
    );
    document.body.replaceChildren(said);
  });
}

// Sets the stored theme before the page is painted, so that a dark page does not flash white first.
document.addEventListener("DOMContentLoaded", () => {
  const theme = localStorage.getItem("playground-theme");
  if (theme) document.body.classList.toggle("dark", theme === "dark");
});
