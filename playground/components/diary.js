// Samples while it learns: the text that the model wrote at each stage of its run, newest last.
import { make, onShown } from "./dom.js";
import { evaluations } from "./feed.js";
import { tab } from "./tab.js";
import { shown, whole } from "./wording.js";

export function diary(element, props) {
  const head = make("div", "figure-head");
  head.append(make("span", "figure-title", "Samples while it learns"));
  if (props.prompt) head.append(make("span", "chip", `prompt: “${shown(props.prompt)}”`));
  const list = make("div", "diary-list");
  list.tabIndex = 0;
  list.setAttribute("aria-label", "Samples while it learns");
  const frame = make("div", "diary");
  frame.append(head, list);
  element.replaceChildren(frame);

  const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 24;
  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
  };
  let sticky = true;
  list.addEventListener("scroll", () => {
    sticky = atEnd();
  });
  onShown(list, () => sticky && toEnd());

  const one = tab(props.feed);
  one.subscribe((record, change) => {
    const samples = change.events.filter((event) => event.type === "sample");
    if (change.reset) {
      list.replaceChildren();
      sticky = true;
    }
    list.append(...samples.map((event) => row(record, event)));
    if (!list.children.length && change.reset) {
      list.append(make("div", "empty", "The first sample comes with the first steps."));
    } else if (samples.length) {
      list.querySelector(".empty")?.remove();
    }
    mark();
    if (sticky && (samples.length || change.reset)) toEnd();
  }, element);

  // The sample of the moment that the tab shows is marked, and brought into sight.
  function mark() {
    const rows = [...list.querySelectorAll(".diary-row")];
    const step = one.step ?? Infinity;
    const then = rows.filter((node) => Number(node.dataset.step) <= step).at(-1);
    for (const node of rows) node.classList.toggle("at-moment", node === then && one.step !== null);
    if (one.step === null || !then) return;
    list.scrollTop += then.getBoundingClientRect().top - list.getBoundingClientRect().top - 8;
  }
  one.onStep(mark, element);
}

/** One sample: its step, the last validation loss by then, and its text, which a click unfolds. */
function row(record, { step, text: full }) {
  const when = make("div", "diary-step", `step ${whole(step)}`);
  const loss = evaluations(record).filter((one) => one.step <= step).at(-1)?.loss;
  if (Number.isFinite(loss)) when.append(make("span", "", `loss ${loss.toFixed(2)}`));
  const brief = full.trim().replace(/\n{2,}/g, "\n"); // blank lines would fill the row
  const text = make("div", "diary-text", brief);
  text.title = "Click to see all of it";
  text.addEventListener("click", () => {
    text.textContent = text.classList.toggle("open") ? full : brief;
  });
  const node = make("div", "diary-row");
  node.dataset.step = step;
  node.append(when, text);
  return node;
}
