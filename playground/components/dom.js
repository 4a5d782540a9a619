// Nodes of the page: making them, and knowing when they are seen.
// The first of the scripts: it makes `Playground.parts`, where each script puts what others take.
"use strict";

{
  window.Playground = { parts: {} };

  function make(tag, className = "", text = "") {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    return node;
  }

  function button(label, className, title, act) {
    const node = make("button", className, label);
    node.type = "button";
    if (title) node.title = title;
    node.addEventListener("click", act);
    return node;
  }

  function press(pill, on) {
    pill.classList.toggle("on", on);
    pill.setAttribute("aria-pressed", String(on));
  }

  const isVisible = (node) => !document.hidden && node.offsetParent !== null;

  function debounce(act, wait) {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(act, wait);
    };
  }

  /** Calls `act` when the node's size changes and when its tab or the window is shown again. */
  function onShown(node, act) {
    const check = () => {
      if (!node.isConnected) {
        observer.disconnect();
        document.removeEventListener("visibilitychange", check);
      } else if (isVisible(node) && node.clientWidth > 0) {
        act();
      }
    };
    const observer = new ResizeObserver(check);
    observer.observe(node);
    document.addEventListener("visibilitychange", check);
  }

  Playground.parts.dom = { make, button, press, isVisible, debounce, onShown };
}
