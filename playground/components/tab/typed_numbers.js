// A number box keeps the keys that are typed into it.

const prototype = HTMLInputElement.prototype;
const own = Object.getOwnPropertyDescriptor(prototype, "value");
const isBox = (node) => Boolean(node?.matches?.('.block input[type="number"]'));

/** Shields the number boxes from what Gradio writes into them while somebody types.
 *
 * When the box is left, Gradio draws its number into the slider's bounds, without a word: a value beyond the
 * slider may be fine, and the estimate says if it is not. Between two keys it writes the number that it has
 * read so far, in its own spelling and a moment late: "1e9" becomes "1000000000", "1e" or "0." nothing, and the
 * next key is added to that. */
export function keepTypedNumbers() {
  let typing = null; // the box that is focused, from its first key on
  document.addEventListener(
    "blur",
    (event) => {
      if (!isBox(event.target)) return;
      event.stopImmediatePropagation();
      typing = null;
    },
    true,
  );
  document.addEventListener(
    "beforeinput",
    ({ target }) => {
      if (!isBox(target)) return;
      typing = target;
      shield(target, () => typing === target);
    },
    true,
  );
}

/** Drops what is written into a box by a script while `closed()`. */
function shield(box, closed) {
  if (Object.hasOwn(box, "value")) return;
  Object.defineProperty(box, "value", {
    configurable: true,
    get: () => own.get.call(box),
    set: (text) => {
      if (!closed()) own.set.call(box, text);
    },
  });
}
