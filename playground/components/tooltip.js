// One tooltip for the whole page, beside the node that is pointed at.
import { make } from "./dom.js";

let tip = null;

/** Shows `fill(tip, target)` beside the child of `root` that matches `selector` and is pointed at. */
export function tooltip(root, selector, fill) {
  const show = (event) => {
    const target = event.target.closest(selector);
    if (!target || !root.contains(target)) return;
    if (!tip || !tip.isConnected) {
      tip = make("div", "playground-tip");
      document.body.append(tip);
    }
    tip.replaceChildren();
    fill(tip, target);
    tip.hidden = false;
    const box = target.getBoundingClientRect();
    const left = Math.min(box.left, window.innerWidth - tip.offsetWidth - 8);
    const below = box.bottom + 6 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
  };
  const hide = () => {
    if (tip) tip.hidden = true;
  };
  root.addEventListener("pointerover", show);
  root.addEventListener("pointerdown", show);
  root.addEventListener("pointerleave", hide);
  root.addEventListener("pointerout", hide);
}
