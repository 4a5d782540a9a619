// Text that a model writes on demand, each token with its probability and its alternatives.
import { make } from "./dom.js";
import { tooltip } from "./tooltip.js";
import { percent, shown } from "./wording.js";

/** Shows generated text token by token; only new tokens are added. */
export function writing(element, props, watch) {
  const text = make("div", "written");
  const note = make("div", "figure-note");
  element.replaceChildren(text, note);
  let tokens = [];
  let prompt = null;

  const render = () => {
    const value = props.value;
    note.textContent = value?.note ?? "";
    element.classList.toggle("has-text", Boolean(value));
    if (!value) {
      text.replaceChildren();
      tokens = [];
      prompt = null;
      return;
    }
    const next = value.tokens ?? [];
    const last = tokens.length - 1;
    const goesOn =
      value.prompt === prompt && next.length > last && (last < 0 || next[last][0] === tokens[last][0]);
    if (!goesOn) {
      text.replaceChildren(make("span", "prompt-text", value.prompt));
      tokens = [];
      prompt = value.prompt;
    }
    const follows = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
    for (const [index, token] of next.slice(tokens.length).entries()) {
      const node = make("span", "made", token[0]);
      node.dataset.index = tokens.length + index;
      text.append(node);
    }
    tokens = next;
    text.classList.toggle("writes", !value.done);
    if (follows) text.scrollTop = text.scrollHeight;
  };

  tooltip(text, ".made", (tip, target) => {
    const [made, probability, others] = tokens[Number(target.dataset.index)] ?? ["", 0, []];
    tip.append(make("b", "", `“${shown(made)}” ${percent(probability)}`));
    for (const [other, p] of others) {
      const row = make("div", other === made ? "tip-row chosen" : "tip-row");
      const bar = make("span", "tip-bar");
      bar.style.width = `${Math.round(80 * p)}px`;
      row.append(make("span", "tip-token", shown(other)), bar, make("span", "", percent(p)));
      tip.append(row);
    }
  });
  watch("value", render);
  render();
}
