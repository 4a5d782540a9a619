// Nodes of the page: making them, and knowing when they are visible.

export function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export function button(label, className, title, act) {
  const node = make("button", className, label);
  node.type = "button";
  if (title) node.title = title;
  node.addEventListener("click", act);
  return node;
}

/** A choice of a menu. */
export function option(label, value) {
  const node = make("option", "", label);
  node.value = value;
  return node;
}

/** A box that the arrow keys scroll where it is too small; label: its name. */
export function scrolling(className, label) {
  const node = make("div", className);
  node.tabIndex = 0;
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", label);
  return node;
}

export function press(pill, on) {
  pill.classList.toggle("on", on);
  pill.setAttribute("aria-pressed", String(on));
}

/** Does act(). If the node inside `within` that had the focus is gone, hidden or disabled then, next() gets it. */
export function keepFocus(within, act, next) {
  const held = within.contains(document.activeElement) ? document.activeElement : null;
  act();
  if (held && (!held.isConnected || held.disabled || held.offsetParent === null)) next()?.focus();
}

export const isVisible = (node) => !document.hidden && node.offsetParent !== null;

export function debounce(act, wait) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}

/** Calls `act` when the node's size changes and when its tab or the window is shown again. */
export function onShown(node, act) {
  const observer = new ResizeObserver(check);
  observer.observe(node);
  document.addEventListener("visibilitychange", check);

  function check() {
    if (!node.isConnected) {
      observer.disconnect();
      document.removeEventListener("visibilitychange", check);
    } else if (isVisible(node) && node.clientWidth > 0) {
      act();
    }
  }
}
