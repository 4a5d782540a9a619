// The text that is cut: one types into it, and the characters of the piece in focus are marked in it.
import { debounce, make } from "../basics/dom.js";
import { characters } from "./words.js";

const TYPED_MS = 250;

export class TextBox {
  /** typed(): called after the text has changed by hand; point(index or null): a character is pointed at. */
  constructor({ typed, point }) {
    this.area = make("textarea");
    this.area.spellcheck = false;
    this.area.setAttribute("aria-label", "The text to cut");
    this.mirror = make("div", "tokens-mirror");
    this.mirror.setAttribute("aria-hidden", "true");
    this.node = make("div", "tokens-text");
    this.node.append(this.mirror, this.area);
    const soon = debounce(typed, TYPED_MS);
    this.area.addEventListener("input", () => {
      this.mark(null);
      soon();
    });
    this.area.addEventListener("scroll", () => {
      this.mirror.scrollTop = this.area.scrollTop;
    });
    for (const event of ["keyup", "click", "focus"]) {
      this.area.addEventListener(event, () => point(this.index(this.area.selectionStart)));
    }
    this.area.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") point(this.pointed(event));
    });
    for (const event of ["pointerleave", "blur"]) this.area.addEventListener(event, () => point(null));
  }

  get value() {
    return this.area.value;
  }

  set value(text) {
    if (text !== this.area.value) this.area.value = text;
    this.mark(null);
  }

  /** The number of the character at a place of the string; null at its end. */
  index(place) {
    return place < this.area.value.length ? characters(this.area.value.slice(0, place)).length : null;
  }

  /** The character under the pointer; null where there is none, or the browser cannot tell. */
  pointed({ clientX, clientY }) {
    const at = document.caretPositionFromPoint?.(clientX, clientY);
    return at?.offsetNode === this.area ? this.index(at.offset) : null;
  }

  /** Marks the characters [start, end) under the text, and shows them; null: none. */
  mark(range, { reveal = false } = {}) {
    if (!range) return this.mirror.replaceChildren();
    const letters = characters(this.area.value);
    const part = (...ends) => letters.slice(...ends).join("");
    const mark = make("mark", "", part(...range));
    this.mirror.replaceChildren(part(0, range[0]), mark, `${part(range[1])} `);
    this.mirror.scrollTop = this.area.scrollTop;
    if (!reveal) return;
    const { offsetTop, offsetHeight } = mark;
    const { scrollTop, clientHeight } = this.area;
    const hidden = offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight;
    if (hidden) this.area.scrollTop = this.mirror.scrollTop = offsetTop - clientHeight / 2;
  }
}
