// The line under the settings that names those below the fold; a press on it scrolls to them.
import { button } from "../basics/dom.js";

const TITLES = "[data-testid=block-info], .label-wrap > span:first-child, .checkbox-container .label-text";
const SEEN_PX = 8; // of a setting that must be in sight for it not to be named

/** The sentence for these titles. */
const foldWords = (titles) => (titles.length ? `▾ Below: ${titles.join(", ")}` : "");

export function settingsFold(element) {
  const list = element.closest(".controls").querySelector(".settings");
  const line = button("", "settings-fold", "Scroll to these settings", () => {
    list.scrollBy({ top: list.clientHeight * 0.8 });
  });
  element.replaceChildren(line);
  const sizes = new ResizeObserver(show);
  function show() {
    if (!element.isConnected) return sizes.disconnect();
    if (!list.offsetParent) return;
    const bottom = list.getBoundingClientRect().bottom - SEEN_PX;
    const below = [...list.querySelectorAll(TITLES)].filter(
      (title) => title.offsetParent && title.getBoundingClientRect().bottom > bottom,
    );
    const words = foldWords(below.map((title) => title.textContent.trim()).filter(Boolean));
    if (line.textContent !== words) line.textContent = line.title = words;
    line.hidden = !words;
  }
  for (const node of [list, ...list.children]) sizes.observe(node);
  list.addEventListener("scroll", show);
}
