// Presenter's mode: for a projector, the guide, the loss and its chart are large, and the rest steps back.
import { Listeners } from "./listeners.js";

const listeners = new Listeners();

export const presenting = () => Boolean(document.body?.classList.contains("presenting"));

export function present(on) {
  document.body.classList.toggle("presenting", on);
  listeners.call(on);
}

/** Calls `act` whenever the mode changes, while `node` is on the page. */
export const onPresenting = (act, node) => listeners.add(act, node);

/** Begins the mode if the link asks for it, and lets the key P switch it outside of fields. */
export function watchPresenting() {
  if (new URLSearchParams(location.search).get("present") === "1") present(true);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key.toLowerCase() !== "p" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    present(!presenting());
  });
}

/** A plotly layout with text that can be read from the last row. */
export function enlarged(layout) {
  if (!presenting()) return layout;
  const larger = (size) => Math.max(18, Math.round(1.6 * size));
  const { margin } = layout;
  return {
    ...layout,
    font: { ...layout.font, size: 18 },
    margin: { ...margin, l: 56, r: Math.max(168, 1.5 * margin.r), b: 36 },
    annotations: layout.annotations?.map((note) => ({
      ...note,
      font: { ...note.font, size: larger(note.font?.size ?? 11) },
    })),
  };
}

/** The width of a line, or the size of a dot, in this mode. */
export const thick = (width) => (presenting() ? 2 * width : width);
