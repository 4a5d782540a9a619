// Numbers, durations and characters as the page writes them.
"use strict";

{
  const whole = (n) => Math.round(n).toLocaleString("en-GB");
  const shown = (token) =>
    token.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");

  function duration(exact) {
    const seconds = Math.max(1, Math.round(exact));
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  Playground.parts.wording = { whole, shown, duration };
}
