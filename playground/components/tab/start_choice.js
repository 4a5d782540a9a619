// What the settings of a start show: those of LoRA for LoRA alone, none for random numbers (style/exchange.css).
export const RANDOM = "random";

/** Tells the style sheet of a tab, whose root is `root`, what a run would start from and which weights it trains.
 *
 * settings: [name, ...] each, in the order of the values. */
export function showStart(root, settings, values) {
  const of = (wanted) => values[settings.findIndex(([name]) => name === wanted)];
  if (!root || of("start") === undefined) return;
  root.dataset.start = of("start") === RANDOM ? RANDOM : "run";
  root.dataset.trained = of("trained") ?? "all";
}
