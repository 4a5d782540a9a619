// The page by keyboard alone: the tabs, the way from them to Train, menus, and the panel of one's own text.
import { button } from "../basics/dom.js";
import { stepped } from "../basics/tooltip.js";

const OPENS_MS = 3000; // until the panel that a choice asks for is there
const LOOK_MS = 60;
const CONTROLS = ".tabitem :is(button, input, select, textarea, summary)";

const visible = (node) => Boolean(node?.offsetParent);
const firstVisible = (selector) => [...document.querySelectorAll(selector)].find(visible);

/** Keeps one tab in the order of the Tab key, the selected one, and shows it; arrow keys go to the others.
 *
 * opened(id): called with the id of its button, also of the first one. */
export function watchTabs(opened = () => {}) {
  const list = document.querySelector(".ladder [role=tablist]");
  if (!list) return setTimeout(watchTabs, LOOK_MS, opened);
  const mark = () => {
    for (const one of list.children) one.tabIndex = one.ariaSelected === "true" ? 0 : -1;
    const chosen = list.querySelector("[aria-selected=true]");
    if (!chosen) return;
    opened(chosen.id);
    const [box, frame] = [chosen.getBoundingClientRect(), list.getBoundingClientRect()];
    if (box.right > frame.right) list.scrollLeft += box.right - frame.right;
    if (box.left < frame.left) list.scrollLeft -= frame.left - box.left;
  };
  new MutationObserver(mark).observe(list, {
    childList: true,
    subtree: true,
    attributeFilter: ["aria-selected"],
  });
  mark();
  list.addEventListener("keydown", (event) => {
    const tabs = [...list.querySelectorAll("[role=tab]")];
    const index = stepped(event.key, tabs.indexOf(document.activeElement), tabs.length);
    if (index === null) return;
    event.preventDefault();
    tabs[index].focus();
    tabs[index].click();
  });
  const begins = () => firstVisible(".train-button, .pause-button, .resume-button, .start-race");
  const first = () => [...document.querySelectorAll(CONTROLS)].find((node) => visible(node) && !node.closest(".guide"));
  const skip = button("Skip to Train", "skip-link", "", () => (begins() ?? first())?.focus());
  skip.addEventListener("focus", () => {
    skip.textContent = begins() ? "Skip to Train" : "Skip to the content"; // there are tabs where nothing trains
  });
  list.after(skip);
}

/** Focuses a menu without opening its list. */
function focusClosed(menu) {
  menu.focus();
  menu.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
}

/** Tab leaves a menu and nothing more; Gradio would take it for a letter of a search, and open the list again. */
function leaveMenu(event) {
  const menu = event.target.getAttribute?.("role") === "combobox";
  if (menu && ["Tab", "Shift"].includes(event.key)) event.stopImmediatePropagation();
}

/** A menu keeps the focus when an entry is chosen with Enter; Gradio would drop it. */
function keepInMenu({ target, key }) {
  if (key !== "Enter" || target.getAttribute?.("role") !== "combobox") return;
  setTimeout(() => {
    if (target.value.endsWith("…")) return; // it opens a panel, which takes the focus
    if (document.activeElement === document.body && visible(target)) focusClosed(target);
  }, LOOK_MS);
}

const PANELS = { "own-text": "corpus", "own-pairs": "pairs" }; // of one's own text and pairs, with their menus
const panelBox = (panel) => document.querySelector(`#${panel}-box textarea`);

/** Calls `then` as soon as a panel is there, or gone; never if that takes too long. */
function oncePanel(panel, there, then, waited = 0) {
  if (visible(panelBox(panel)) === there) then();
  else if (waited < OPENS_MS) setTimeout(() => oncePanel(panel, there, then, waited + LOOK_MS), LOOK_MS);
}

/** The focus goes into a panel when it opens, and back to its menu when it closes. */
function followPanel(target) {
  for (const [panel, menu] of Object.entries(PANELS)) {
    if (target.closest?.(`#${panel}-close, #${panel}-use`)) {
      oncePanel(panel, false, () => {
        const lost = document.activeElement === document.body || !visible(document.activeElement); // it was in the panel
        if (lost) focusClosed(document.querySelector(`#${menu} input`));
      });
    } else if (target.closest?.(`#${menu}`) && !visible(panelBox(panel))) {
      oncePanel(panel, true, () => panelBox(panel).focus());
    }
  }
}

let chosenIn = null; // the menu in which an entry was chosen, until a menu gets the focus again

/** Notes the menu in which Enter or a press chooses an entry. */
function noteChoice({ target, key }) {
  const menu = document.activeElement;
  if (menu?.role === "combobox" && (key === "Enter" || target.closest?.("[role=option]"))) chosenIn = menu;
}

/** The value of a menu if somebody has just chosen it there, else null; id: of the menu.
 *
 * For Gradio, a menu that is left without a choice has had an input, too. */
export const chosenNow = (id, value) => (chosenIn?.closest(`#${id}`) ? value : null);

/** A press on a menu that has the focus already opens its list, too: Gradio opens it when it gets the focus. */
function openMenu({ target }) {
  const closed = target.getAttribute?.("role") === "combobox" && target.getAttribute("aria-expanded") === "false";
  if (closed && target === document.activeElement) target.blur();
}

/** Listens on the whole page. */
export function watchKeyboard() {
  document.addEventListener("mousedown", openMenu, true);
  document.addEventListener("keydown", leaveMenu, true);
  document.addEventListener("mousedown", noteChoice, true);
  document.addEventListener("keydown", noteChoice, true);
  document.addEventListener("keydown", (event) => {
    keepInMenu(event);
    if (event.key === "Enter") followPanel(event.target);
    const panel = event.target.closest?.("#own-text, #own-pairs");
    if (event.key === "Escape" && panel) document.querySelector(`#${panel.id}-close`)?.click();
  });
  document.addEventListener("mousedown", ({ target }) => followPanel(target)); // Gradio takes an option so
  document.addEventListener("click", ({ target }) => followPanel(target));
  document.addEventListener("focusin", ({ target }) => {
    if (target.role === "combobox") chosenIn = null;
    const large = document.querySelector(".attention-view.enlarged");
    if (large && !large.contains(target)) large.querySelector("button").focus();
  });
}
