// Try one: the model's answer to a line, whether it is right, and what else it might have said.
import { make, scrolling } from "../basics/dom.js";
import { join } from "../page/link.js";
import { linesOf, written } from "./pairs_diary.js";
import { tab } from "./tab.js";
import { percent, whole } from "../basics/wording.js";
import { writesTold } from "./writing.js";

export function trying(element, props, watch) {
  const shown = scrolling("tried", "The answer");
  shown.setAttribute("aria-live", "polite");
  element.replaceChildren(shown);
  const one = tab(props.feed);
  const names = props.usual.map(([name]) => (name === "prompt" ? name : `sample_${name}`));
  if (props.linked) join(props.feed, names, () => (one.writes ? writesTold(props.usual, one.writes) : null));

  const render = () => {
    const { value } = props;
    if (!value || value.asked !== one.asked?.number) return; // late: another was asked for since
    element.classList.add("has-text");
    shown.replaceChildren(...(value.error ? [make("p", "figure-note", value.error)] : answerOf(value)));
  };
  watch("value", render);
  let run = one.record.run;
  let offered = props.usual[0][1]; // the line that the page put into the box
  one.subscribe((record, change) => {
    if (record.run !== run) {
      run = record.run;
      one.asked = null; // what is still to come was asked of the run before
      shown.replaceChildren();
      element.classList.remove("has-text");
    }
    const sample = change.events.find(({ type }) => type === "sample");
    const line = sample && linesOf(sample.text)[0]?.source;
    if (line && offer(props.box, offered, line)) offered = line;
  }, element);
}

/** Puts a line into the box if it still holds the one that the page put there; whether it did. */
function offer(id, before, line) {
  const box = document.querySelector(`#${id} textarea, #${id} input`);
  if (!box || box.value !== before || document.activeElement === box) return false;
  box.value = line;
  box.dispatchEvent(new window.Event("input", { bubbles: true }));
  return true;
}

function answerOf({ line, answer, probability, ended, right, exact, alternatives, drawn, step }) {
  const first = make("p", "tried-answer");
  first.append(make("span", "pairs-source", line), " → ");
  first.append(exact || right === null ? make("b", "", answer || "(nothing)") : written(answer, right));
  if (!ended) first.append(" …");
  const verdict = make("span", exact ? "tried-verdict good" : "tried-verdict");
  if (right === null) verdict.textContent = "no right answer is known for this line";
  else verdict.textContent = exact ? "✓ right" : `✗ right is ${right}`;
  const how = drawn ? "drawn" : "the likeliest at each step";
  const facts = make("p", "figure-note");
  facts.append(verdict, ` · ${how}, probability ${percent(probability)} · at step ${whole(step)}`);
  const others = make("div", "tried-others");
  others.title = "The likeliest answers that five beams find, with their probabilities";
  for (const [text, chance] of alternatives) {
    const row = make("div", "tried-other");
    const bar = make("i");
    bar.style.setProperty("--share", `${Math.round(100 * chance)}%`);
    row.append(bar, make("span", "tried-chance", percent(chance)), make("span", "pairs-source", text || "(nothing)"));
    row.classList.toggle("good", text === right);
    others.append(row);
  }
  return [first, facts, others];
}
