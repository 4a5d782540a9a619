// Text that a model writes on demand, each token with its probability and its alternatives.
import { showChoices } from "../basics/choices.js";
import { button, make, press } from "../basics/dom.js";
import { join, moved, unlessLong } from "../page/link.js";
import { tab } from "./tab.js";
import { tooltip } from "../basics/tooltip.js";
import { whole } from "../basics/wording.js";

/** Takes [prompt, value of each sampling setting, ...] as the controls of a tab show them. */
export function asWritten(key, inputs) {
  tab(key).writes = inputs;
  moved();
}

const pane = Math.random().toString(36).slice(2); // of this page, among all that write
let asked = 0;

/** The inputs [asked, ...] of Write, with the run and the step shown (null: the newest) in their place. */
export function askToWrite(key, [, ...rest]) {
  const { record, step } = tab(key);
  asked += 1;
  const chat = record.chat === true && tab(key).chat !== false;
  tab(key).asked = { run: record.run, step, pane: `${pane}-${key}`, number: asked, chat };
  return [tab(key).asked, ...rest];
}

/** The parameters of a link for what Write is set to; usual: [name, value] of each control, the prompt first. */
export function writesTold(usual, inputs) {
  const changed = ([name, value], index) =>
    name === "prompt" ? ["prompt", unlessLong(String(inputs[index]), value)]
      : [`sample_${name}`, Number(inputs[index]) === value ? null : inputs[index]];
  return Object.fromEntries(usual.map(changed));
}

/** Shows generated text token by token; only new tokens are added. */
export function writing(element, props, watch) {
  const text = make("div", "written");
  const chat = chatPill(tab(props.feed), element);
  const note = make("div", "figure-note");
  element.replaceChildren(chat, text, note);
  const one = tab(props.feed);
  const names = props.usual.map(([name]) => (name === "prompt" ? name : `sample_${name}`));
  join(props.feed, names, () => (one.writes ? writesTold(props.usual, one.writes) : null));
  let tokens = [];
  let drawn = null; // the answer that is shown

  const render = () => {
    const { value } = props;
    if (!value || value.asked !== one.asked?.number) return; // late: another was asked for since
    element.classList.add("has-text");
    const next = value.tokens ?? [];
    if (value.asked !== drawn?.asked) {
      text.replaceChildren(make("span", "prompt-text", value.prompt));
      tokens = [];
    }
    drawn = { ...value, run: one.asked.run };
    note.textContent = noteOf(drawn, one.record);
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
    showChoices(tip, tokens[Number(target.dataset.index)] ?? ["", 0, []]);
  });
  watch("value", render);
  render();
  let run = one.record.run;
  one.subscribe((record) => {
    if (record.run === run) return;
    run = record.run;
    one.asked = null; // what is still to come was asked of the run before
    text.classList.remove("writes");
    if (drawn) note.textContent = noteOf(drawn, record);
  }, element);
}

/** A switch for models with a chat template: whether the prompt is a message to it, or a text that goes on. */
function chatPill(one, element) {
  const title = "The prompt is your message, in this model's chat template, and the text its answer; off: it goes on with the prompt";
  const pill = button("as a chat", "pill-button chat-pill", title, () => one.asChat(one.chat === false));
  one.asChat = (on) => {
    one.chat = on;
    press(pill, on);
  };
  press(pill, true);
  pill.hidden = true;
  one.subscribe(({ chat }) => {
    pill.hidden = !chat;
  }, element);
  return pill;
}

/** Which model wrote the text, and what it could not read; record: of the run shown. */
function noteOf({ note, step, run }, record) {
  const written = Number.isFinite(step) ? `At step ${whole(step)}` : "";
  const other = written && run !== record.run ? " of another run" : "";
  return [note, written && `${written}${other}.`].filter(Boolean).join(" ");
}
