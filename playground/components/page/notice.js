// A sentence about what cannot be done, above what it is about. It may repeat what a visitor typed.
import { make } from "../basics/dom.js";

/** Shows the sentence `props.value` as it is: Markdown would take "<b>" and "*" in it for markup. */
export function notice(element, props, watch) {
  const sentence = make("p");
  element.setAttribute("role", "alert");
  element.replaceChildren(sentence);
  const show = () => {
    sentence.textContent = props.value ?? "";
  };
  watch("value", show);
  show();
}
