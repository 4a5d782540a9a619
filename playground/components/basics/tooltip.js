// One tooltip for the whole page, beside the node that is pointed at, tapped, or reached with the arrow keys.
import { make } from "./dom.js";

let tip = null;
let owner = null; // the root whose tip is shown

const hide = (root) => {
  if (tip && owner === root) tip.hidden = true;
};

/** The place among `count` nodes after a key at `index` (-1: at none yet); null: a key that goes nowhere. */
export function stepped(key, index, count) {
  const places = {
    ArrowLeft: index < 0 ? count - 1 : index - 1,
    ArrowRight: index + 1,
    Home: 0,
    End: count - 1,
  };
  return key in places && count ? Math.max(0, Math.min(count - 1, places[key])) : null;
}

/** Shows the tip of `root` beside `target`; fill(tip, target) writes it. A screen reader reads it out. */
export function showTip(root, target, fill) {
  if (!tip || !tip.isConnected) {
    tip = make("div", "playground-tip");
    tip.setAttribute("role", "status");
    document.body.append(tip);
  }
  if (owner !== root) root.addEventListener("blur", () => hide(root), { once: true });
  owner = root;
  tip.replaceChildren();
  fill(tip, target);
  tip.hidden = false;
  const box = target.getBoundingClientRect();
  const left = Math.min(box.left, window.innerWidth - tip.offsetWidth - 8);
  const below = box.bottom + 6 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - tip.offsetHeight - 6)}px`;
}

/** Shows `fill(tip, target)` beside the child of `root` that matches `selector` and is pointed at.
 *
 * reached(target): called when the arrow keys come to a node, with null when
 * the root is left. */
export function tooltip(root, selector, fill, reached = () => {}) {
  let at = null; // the node where the arrow keys are
  const show = (target) => showTip(root, target, fill);
  const point = ({ target }) => {
    const pointed = target.closest(selector);
    if (pointed && root.contains(pointed)) show(pointed);
  };
  const leave = ({ pointerType }) => {
    if (pointerType !== "touch") hide(root); // a finger has left as soon as it has tapped
  };
  const arrive = (node) => {
    at?.classList.remove("reached");
    at = node;
    at?.classList.add("reached");
    reached(at);
  };
  root.tabIndex = 0;
  root.addEventListener("pointerover", point);
  root.addEventListener("pointerdown", point);
  root.addEventListener("pointerleave", leave);
  root.addEventListener("pointerout", leave);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide(root);
    const nodes = [...root.querySelectorAll(selector)];
    const index = stepped(event.key, nodes.indexOf(at), nodes.length);
    if (index === null) return;
    event.preventDefault();
    arrive(nodes[index]);
    at.scrollIntoView({ block: "nearest" });
    show(at);
  });
  root.addEventListener("blur", () => {
    arrive(null);
    hide(root);
  });
  document.addEventListener("pointerdown", function elsewhere({ target }) {
    if (!root.isConnected && owner !== root) document.removeEventListener("pointerdown", elsewhere);
    else if (!root.contains(target)) hide(root);
  });
}
