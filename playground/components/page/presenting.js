// Presenter's mode: for a projector, the guide, the loss and its chart are large, and the rest steps back.
import { join, moved } from "./link.js";
import { debounce } from "../basics/dom.js";
import { Listeners } from "../basics/listeners.js";

const RESIZED_MS = 200;
const listeners = new Listeners();

export const presenting = () => Boolean(globalThis.document?.body?.classList.contains("presenting"));

export function present(on) {
  document.body.classList.toggle("presenting", on);
  listeners.call(on);
  moved();
}

/** Calls `act` whenever the mode changes, while `node` is on the page. */
export const onPresenting = (act, node) => listeners.add(act, node);

/** Begins the mode if the link asks for it, and lets the key P switch it outside of fields. */
export function watchPresenting() {
  if (new URLSearchParams(location.search).get("present") === "1") present(true);
  join(null, ["present"], () => ({ present: presenting() ? 1 : null }));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key.toLowerCase() !== "p" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    present(!presenting());
  });
  const again = debounce(() => presenting() && listeners.call(true), RESIZED_MS);
  window.addEventListener("resize", again);
}

const AXIS_PX = 28; // on a screen of 1920 x 1080: a quarter of it can still be read
const LEAST_PX = 26; // of the names at the lines
const LETTER = 0.62; // width of a letter, as a share of its height

/** So many pixels of a screen of 1920 x 1080, in pixels of this window: --px of presenting.css. */
export const large = (px) => px * Math.max(0.6, Math.min(1, window.innerWidth / 1920, window.innerHeight / 1080));

/** A plotly layout with text that can be read from the last row. */
export function enlarged(layout) {
  if (!presenting()) return layout;
  const { margin } = layout;
  const [axis, least] = [large(AXIS_PX), large(LEAST_PX)];
  const annotations = layout.annotations?.map((note) => ({
    ...note,
    font: { ...note.font, size: least },
  }));
  const beside = annotations?.filter((note) => note.x >= 1 && note.xanchor === "left") ?? [];
  const longest = Math.max(0, ...beside.map(({ text }) => text.replace(/<[^>]*>/g, "").length));
  return {
    ...layout,
    font: { ...layout.font, size: axis },
    margin: {
      ...margin,
      t: annotations?.some((note) => note.yanchor === "bottom") ? axis : margin.t,
      l: large(72),
      r: Math.max(margin.r, large(24) + LETTER * least * longest),
      b: large(48),
    },
    xaxis: { ...layout.xaxis, nticks: 6 },
    yaxis: { ...layout.yaxis, nticks: 6 },
    ...(layout.yaxis2 ? { yaxis2: { ...layout.yaxis2, showticklabels: false } } : {}), // the names stand there
    annotations,
  };
}

/** The width of a line, or the size of a dot, in this mode. */
export const thick = (width) => (presenting() ? 2 * width : width);
