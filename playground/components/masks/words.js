// The sentences under the pictures of a mask, each computed from the settings.
import { percent, whole } from "../basics/wording.js";
import { blocksFrom, cacheBytes, flops, fullPairs, inBlocks, isFull, layersOf, rolls } from "./looks.js";

const UNITS = ["", " K", " M", " G", " T"];

/** A large number in three digits. */
export function short(number, base = 1000) {
  let [rest, unit] = [number, 0];
  while (rest >= base && unit < UNITS.length - 1) [rest, unit] = [rest / base, unit + 1];
  return `${rest.toFixed(rest < 10 && unit ? 1 : 0)}${UNITS[unit]}`;
}

/** The rows of the table: [name, of the pattern, of full attention]. pairs: of a layer with the pattern. */
export function rows(c, pairs, facts) {
  const all = fullPairs(c);
  const layers = [...Array(layersOf(c)).keys()];
  const looked = layers.reduce((sum, layer) => sum + (isFull(c, layer) ? all : pairs), 0);
  const full = { ...c, pattern: "full" };
  const found = [
    ["Pairs", whole(looked), whole(all * layers.length)],
    ["FLOPs", short(flops(c, facts)), short(flops(full, facts))],
  ];
  if (facts.caches && c.causal_mask && c.pattern !== "prefix") {
    found.push(["Cache", `${short(cacheBytes(c), 1024)}B`, `${short(cacheBytes(full), 1024)}B`]);
  }
  return found;
}

/** How much of full attention a layer's mask leaves. */
export function maskWords(c, pairs) {
  const each = c.alternate && c.pattern !== "full" && layersOf(c) > 1 ? "; layers 2, 4, … look at all" : "";
  if (c.pattern === "full") return `Each position may look at itself and all ${c.causal_mask ? "before it" : "others"}.`;
  return `Rows ask, columns answer. ${percent(pairs / fullPairs(c))} of the pairs of full attention${each}.`;
}

/** What a pattern saves in this program, and what not. */
export function savedWords(c, facts) {
  if (c.pattern === "full") return "";
  let time = "All pairs are computed and then masked: it saves no time here.";
  if (inBlocks(c, facts)) {
    time = "Each block of a window looks at itself and the one before it, and nothing else is computed: faster.";
  } else if (c.pattern === "window" && c.blocks && c.causal_mask) {
    time = `All pairs are computed and then masked; computing in blocks pays from a context of ${whole(blocksFrom(c, facts))} on.`;
  }
  if (!facts.rolls || !["window", "sinks"].includes(c.pattern) || !c.causal_mask) return time;
  if (rolls(c)) return `${time} Its cache rolls: it writes texts of any length in constant memory.`;
  const wanted = c.alternate ? "the same pattern in all layers" : "rotary positions";
  return `${time} With ${wanted}, the cache would roll.`;
}

/** How far information travels: of the last position, after each layer. known: numbers of positions. */
export function reachWords(c, known) {
  const T = c.context_length;
  const whence = `Of ${whole(T)} positions, the last one knows of`;
  if (known.length === 1) return `${whence} ${whole(known[0])}.`;
  if (known[0] === T) return `${whence} all after the first layer.`;
  const after = known.map((count, layer) => `${count === T ? "all" : whole(count)} after layer ${layer + 1}`);
  const first = known.indexOf(T) + 1 || known.length; // layers after which no more is told
  const told = after.slice(0, first);
  return `${whence} ${(told.length > 4 ? [...told.slice(0, 2), "…", told.at(-1)] : told).join(", ")}.`;
}
