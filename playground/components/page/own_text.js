// A file or a pasted text that is too large for the page is not sent: the browser knows its size at once.

/** Keeps the file inputs and the text boxes under `panel` from sending more than `largest` bytes.
 *
 * The reason stands in the panel's part with the role "alert", until something else is done there: `words`
 * with the size in place of "SIZE". */
export function keepSmall(panel, largest, words) {
  const say = (text) => {
    const place = document.querySelector(`${panel} [role=alert]`);
    if (place) place.textContent = text;
  };
  const refuse = (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.type !== "file" || !input.closest(panel)) return;
    const size = tooLarge(input.files ?? [], largest);
    say(size ? words.replace("SIZE", (size / 1e6).toFixed(1)) : "");
    if (!size) return;
    event.stopImmediatePropagation();
    input.value = ""; // so that the same file can be chosen again
  };
  document.addEventListener("change", refuse, { capture: true }); // before Gradio hears of it
  const press = (event) => {
    if (!(event.target instanceof Element) || !event.target.closest(`${panel} button`)) return;
    const boxes = event.target.closest("[id$=-use]") ? document.querySelectorAll(`${panel} textarea`) : [];
    const size = tooLarge(Array.from(boxes, (box) => new Blob([box.value])), largest);
    say(size ? words.replace("SIZE", (size / 1e6).toFixed(1)) : "");
    if (size) event.stopImmediatePropagation();
  };
  document.addEventListener("click", press, { capture: true });
}

/** The size of the largest of the files, if that is more than `largest` bytes, else 0. */
export function tooLarge(files, largest) {
  const size = Math.max(0, ...Array.from(files, (file) => file.size));
  return size > largest ? size : 0;
}
