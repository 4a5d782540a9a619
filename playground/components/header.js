// Share and ◐, on the right of the page's header.
import { applyStoredTheme, toggleTheme } from "./appearance.js";
import { button, make } from "./dom.js";

export function headerTools(element, props) {
  const share = button("Share", "header-button", "Copy a link to this page as it is set", async () => {
    const query = props.value?.query;
    const base = `${location.origin}${location.pathname}`;
    await copyLink(query === undefined ? location.href : query ? `${base}?${query}` : base);
    share.textContent = "Copied";
    setTimeout(() => {
      share.textContent = "Share";
    }, 1500);
  });
  const dark = button("◐", "header-button", "Dark or light", toggleTheme);
  dark.setAttribute("aria-label", "Dark or light");
  const tools = make("div", "header-buttons");
  tools.append(share, dark);
  element.replaceChildren(tools);
  applyStoredTheme();
}

async function copyLink(link) {
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    window.prompt("Copy this link", link); // without https there is no clipboard
  }
}
