// The same held-out lines while a model learns to rewrite: its answers at the moment, wrong characters marked, and
// a dot for each stage at which a line was asked for, filled where the answer was right.
import { make, scrolling } from "../basics/dom.js";
import { tab } from "./tab.js";
import { markedParts } from "./marks.js";
import { whole } from "../basics/wording.js";

const MOST_DOTS = 16; // stages that are shown of each line

/** The lines of a sample (lm/tasks/rewrite.py): [{source, answer, right}]. */
export function linesOf(text) {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const told = lines.filter((parts) => parts.length === 3);
  return told.map(([source, answer, right]) => ({ source, answer, right }));
}

/** The sample that stands at a step (null: the last), or undefined. */
export const sampleAt = (samples, step) => samples.filter((one) => one.step <= (step ?? Infinity)).at(-1);

/** At most `most` of these, evenly spread, the first and the last among them. */
export function spread(all, most) {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, n) => all[Math.round((n * (all.length - 1)) / (most - 1))]);
}

const isRight = (line) => Boolean(line) && line.answer === line.right;

export function pairsDiary(element, props) {
  const head = make("div", "figure-head");
  const when = make("span", "figure-unit");
  head.append(make("span", "figure-title", "Held-out lines, as they become right"), when);
  const list = scrolling("diary-list pairs-list", "Held-out lines while it learns");
  const frame = make("div", "diary");
  frame.append(head, list);
  element.replaceChildren(frame);
  const one = tab(props.feed);

  const draw = () => {
    const samples = one.record.events.filter(({ type }) => type === "sample");
    const now = sampleAt(samples, one.step) ?? samples[0];
    when.textContent = now ? `at step ${whole(now.step)}` : "";
    if (!now) return list.replaceChildren(make("div", "empty", "The first answers come with the first steps."));
    const stages = spread(samples, MOST_DOTS);
    const lines = stages.map(({ text }) => linesOf(text));
    list.replaceChildren(
      ...linesOf(now.text).map((line, index) => {
        const dots = stages.map(({ step }, n) => ({ step, good: isRight(lines[n][index]), now: step === now.step }));
        return row(line, dots);
      }),
    );
  };
  one.subscribe((_record, change) => {
    if (change.reset || change.events.some(({ type }) => type === "sample")) draw();
  }, element);
  one.onStep(draw, element);
}

function row(line, dots) {
  const node = make("div", "pairs-row");
  node.classList.toggle("right", isRight(line));
  const answer = make("div", "pairs-answer");
  answer.append(written(line.answer, line.right));
  if (!isRight(line)) answer.append(make("span", "pairs-wanted", line.right));
  const stages = make("span", "pairs-dots");
  stages.setAttribute("role", "img");
  const right = dots.filter(({ good }) => good).map(({ step }) => whole(step));
  stages.setAttribute("aria-label", right.length ? `right at steps ${right.join(", ")}` : "never right so far");
  stages.title = stages.getAttribute("aria-label");
  stages.append(
    ...dots.map(({ good, now }) => make("i", [good ? "good" : "", now ? "now" : ""].filter(Boolean).join(" "))),
  );
  node.append(make("div", "pairs-source", line.source), answer, stages);
  return node;
}

/** An answer with its wrong characters marked; a bar stands where some are missing. */
export function written(text, right) {
  const node = make("span", "pairs-written");
  if (!text) node.append(make("span", "nothing", "(nothing)"));
  for (const [part, good] of markedParts(text, right)) {
    node.append(good ? part : make("mark", part ? "wrong" : "wrong missing", part));
  }
  return node;
}
