// Sets the stored theme before the page is painted, so that a dark page does not flash white first.
// A classic script in the page itself (`page_first` in `__init__.py`): a module would run too late.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  try {
    const theme = localStorage.getItem("playground-theme");
    if (theme) document.body.classList.toggle("dark", theme === "dark");
  } catch {
    // The browser refuses storage: the system's choice stands.
  }
});
