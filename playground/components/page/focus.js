// A link may ask for some parts of a tab only, for a lesson: `&show=guide,chart,attention`. With a step of the guide
// in the link the guide is one of them: `&guide=mask&show=chart,attention`.

const PARTS = ["guide", "settings", "train", "chart", "samples", "attention", "lesson"];

/** The parts that a query asks for, in our order; null if it asks for none that we know. */
export function partsAsked(search) {
  const query = new URLSearchParams(search);
  const asked = query.get("show")?.split(",") ?? [];
  if (!PARTS.some((part) => asked.includes(part))) return null;
  if (query.has("guide")) asked.push("guide");
  return PARTS.filter((part) => asked.includes(part));
}

/** Hides all other parts, by a class on the body for each (style/focus.css). */
export function applyFocus() {
  const shown = partsAsked(location.search);
  if (!shown) return;
  for (const part of PARTS) document.body.classList.toggle(`without-${part}`, !shown.includes(part));
  document.body.classList.add("focused");
}
