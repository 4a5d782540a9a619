// The guide has room for two lines; a longer answer is cut there, and a button shows the rest, over the page.
import { button, onShown } from "../basics/dom.js";

/** The button "more" of a guide's strip; said: its sentence, question: the part of it that names the step. */
export function moreButton(strip, said, question) {
  let asked = question.textContent;
  const more = button("more ▾", "pill-button guide-more", "Show all of it", () => {
    open(!strip.classList.contains("open"));
  });
  more.hidden = true;

  function open(on) {
    strip.classList.toggle("open", on);
    more.textContent = on ? "less ▴" : "more ▾";
    more.title = on ? "Show the first lines only" : "Show all of it";
    more.setAttribute("aria-expanded", String(on));
  }

  function fit() {
    if (asked !== question.textContent) open(false);
    asked = question.textContent;
    if (!strip.classList.contains("open")) more.hidden = said.scrollHeight <= said.clientHeight + 2;
  }

  open(false);
  new MutationObserver(fit).observe(said, { childList: true, characterData: true, subtree: true });
  onShown(said, fit);
  return more;
}
