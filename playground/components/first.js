// Runs before all else: `playground/delivery.py` puts it into the page.
"use strict";

{
  // The clock of Gradio's loading message goes on when the message is gone (6.31): it asks for a frame
  // sixty times a second, 7 % of a core, on the machine that would rather train. Clocks of its kind get
  // four a second.
  const CLOCKS = "/statustracker-"; // the script that they are in
  const PACE_MS = 250;
  const frame = window.requestAnimationFrame.bind(window);

  window.requestAnimationFrame = (draw) => {
    const caller = new Error().stack.split("\n", 3)[2] ?? "";
    if (!caller.includes(CLOCKS)) return frame(draw);
    return setTimeout(() => draw(performance.now()), PACE_MS);
  };

  // Before the page is painted, so that a dark one does not flash white first.
  document.addEventListener("DOMContentLoaded", () => {
    try {
      const theme = localStorage.getItem("playground-theme");
      if (theme) document.body.classList.toggle("dark", theme === "dark");
    } catch {
      // storage may be switched off: the system's choice stands
    }
  });
}
