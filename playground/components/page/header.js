// Share and ◐, on the right of the page's header.
import { applyStoredTheme, toggleTheme } from "./appearance.js";
import { button, make, press } from "../basics/dom.js";
import { applyStoredGuides, guidesShown, showGuides } from "../tab/guide_places.js";
import { watchTabs } from "./keyboard.js";
import { placeOpened, shared } from "./link.js";
import { showChoiceFor } from "./chosen_pairs.js";
import { onPresenting, present, presenting } from "./presenting.js";

export function headerTools(element, props) {
  const shown = make("input", "share-link");
  shown.hidden = shown.readOnly = true;
  shown.setAttribute("aria-label", "The link to this page as it is set: copy it");
  shown.addEventListener("blur", () => {
    shown.hidden = true;
  });
  const share = button("Share", "header-button", "Copy a link to this page as it is set", async () => {
    const link = shared(props.base);
    const copied = await copy(link);
    shown.hidden = copied;
    if (!copied) {
      shown.value = link;
      shown.select();
      return;
    }
    share.textContent = "Copied";
    setTimeout(() => {
      share.textContent = "Share";
    }, 1500);
  });
  const dark = button("◐", "header-button", "Dark or light", toggleTheme);
  dark.setAttribute("aria-label", "Dark or light");
  const guide = button("Guide", "header-button", "Show or close the guide", () => {
    showGuides(!guidesShown());
    press(guide, guidesShown());
  });
  const large = button("▣", "header-button", "Presenter's mode: large numbers and lines, for a projector (key P)", () =>
    present(!presenting()),
  );
  large.setAttribute("aria-label", "Presenter's mode");
  onPresenting((on) => press(large, on), large);
  press(large, presenting());
  const tools = make("div", "header-buttons");
  tools.append(shown, guide, share, large, dark);
  element.replaceChildren(tools);
  applyStoredTheme();
  applyStoredGuides();
  press(guide, guidesShown());
  watchTabs((id) => {
    placeOpened(id);
    showChoiceFor(id);
  });
}

/** Whether the link is on the clipboard now; there is none without https, and a frame may be refused it. */
async function copy(link) {
  try {
    await navigator.clipboard.writeText(link);
    return true;
  } catch {
    return false;
  }
}
