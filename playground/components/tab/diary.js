// What it writes: the text of the model at each stage of its run, newest last.
import { briefly, showChoices } from "../basics/choices.js";
import { make, onShown } from "../basics/dom.js";
import { judgedAt } from "../loss/words.js";
import { tab } from "./tab.js";
import { tooltip } from "../basics/tooltip.js";
import { whole } from "../basics/wording.js";

const TITLE = "What it writes"; // also of a model that counts, and learns nothing

export function diary(element, props) {
  const head = make("div", "figure-head");
  head.append(make("span", "figure-title", TITLE));
  const list = make("div", "diary-list");
  list.tabIndex = 0;
  list.setAttribute("aria-label", TITLE);
  const frame = make("div", "diary");
  const base = new BaseSample(frame);
  const both = make("div", "diary-both");
  both.append(base.node, list);
  frame.append(head, both);
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
    base.take(record, samples, change.reset);
    list.append(...samples.filter((event) => !base.is(event)).map((event) => row(record, event)));
    if (!list.children.length && change.reset) {
      list.append(make("div", "empty", "The first sample comes with the first steps."));
    } else if (record.elsewhere && !samples.length) {
      const empty = list.querySelector(".empty");
      if (empty) empty.textContent = "Others trained this model: let it write below, or train it on your text.";
    } else if (samples.length) {
      list.querySelector(".empty")?.remove();
    }
    mark();
    if (sticky && (samples.length || change.reset)) toEnd();
  }, element);

  // A sample that is pointed at asks for what else could have come at each of its characters.
  const ask = async (node) => {
    const { run } = one.record;
    if (!node || node.asked || !one.lookInside) return;
    node.asked = true;
    const { step, text } = node.sample;
    const answer = await one.lookInside(step, text, "choices");
    if (run !== one.record.run) return;
    if (answer?.tokens) node.showTokens(answer);
    else node.asked = false;
  };
  const rowOf = ({ target }) => target.closest?.(".diary-row");
  list.addEventListener("pointerover", (event) => ask(rowOf(event)));
  list.addEventListener("focus", () => ask(list.querySelector(".at-moment") ?? list.lastElementChild));
  tooltip(list, ".made", (tip, target) => {
    const { answer, sample } = target.closest(".diary-row");
    showChoices(tip, answer.tokens[Number(target.dataset.index)]);
    const other = answer.step === sample.step ? "" : `, at step ${whole(answer.step)}, the nearest that is kept`;
    tip.append(make("div", "tip-row", `at temperature ${answer.temperature}${other}`));
  });

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

/** Beside the samples of a run that started from another: what that one wrote, at step 0. */
class BaseSample {
  constructor(frame) {
    this.frame = frame;
    this.node = make("div", "diary-base");
  }

  take({ base }, samples, reset) {
    this.base = base;
    if (reset) this.node.replaceChildren();
    const first = samples.find((event) => this.is(event));
    if (first) {
      const text = make("div", "diary-text open", first.text.trim());
      this.node.replaceChildren(make("div", "diary-step", `before: ${base}`), text);
    }
    this.frame.classList.toggle("tuned", Boolean(base) && this.node.children.length > 0);
  }

  /** Whether an event is the sample of what the run started from. */
  is({ step }) {
    return Boolean(this.base) && step === 0;
  }
}

/** One sample: its step, the last validation loss by then, and its text, which a click unfolds. */
function row(record, { step, text: full }) {
  const when = make("div", "diary-step", `step ${whole(step)}`);
  const judged = judgedAt(record, step);
  if (judged) when.append(make("span", "", `loss ${judged.number}`));
  const brief = full.trim().replace(/\n{2,}/g, "\n"); // blank lines would fill the row
  const text = make("div", "diary-text", brief);
  text.title = "Click to see all of it; point at a token to see what else could have come";
  const node = make("div", "diary-row");
  const show = () => {
    const open = text.classList.contains("open");
    if (!node.answer) return text.replaceChildren(open ? full : brief);
    const { tokens } = node.answer;
    const indices = open ? [...tokens.keys()] : briefly(tokens);
    text.replaceChildren(
      ...indices.map((index) => {
        const token = make("span", "made", tokens[index][0]);
        token.dataset.index = index;
        return token;
      }),
    );
  };
  text.addEventListener("click", () => {
    text.classList.toggle("open");
    show();
  });
  node.sample = { step, text: full };
  node.showTokens = (answer) => {
    node.answer = answer;
    text.title = "";
    show();
  };
  node.dataset.step = step;
  node.append(when, text);
  return node;
}
