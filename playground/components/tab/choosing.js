// What a tab's controls show, as an event of Gradio hands it over, and what that changes on the tab.
import { learned } from "./choice.js";
import { SETTLE_MS, tab } from "./tab.js";

const NO_RECIPE = "own settings"; // in the menu of recipes, which Gradio leaves empty if none fits

/** The update of a Gradio notice: a sentence, or nothing and hidden. */
export const noticeOf = (sentence) => ({ __type__: "update", value: sentence, visible: Boolean(sentence) });

/** Takes [text, tokens, value, ...] of a tab's controls, the inputs of a Gradio event; resolves to [recipe, notice].
 *
 * A tab that was never opened does not know its recipes: its menu stays as the server wrote it. A notice of
 * settings that were refused goes as soon as they are others.
 * at: the place of the tokens among the values of all settings. */
export async function choose(key, [text, tokens, ...values], at) {
  const one = tab(key);
  one.chooseAgain = () => one.choose(...learned(one, text, tokens, values, at));
  one.chooseAgain();
  const menu = globalThis.document?.querySelector(`#recipe-${key} input`);
  if (menu) menu.placeholder = NO_RECIPE;
  await new Promise((resolve) => setTimeout(resolve, 2 * SETTLE_MS));
  const { refused, chosen } = one;
  const mended = refused && String(refused) !== String([chosen.text, ...chosen.values]);
  if (mended) one.refused = one.refusedAt = null;
  return [one.recipes.length ? one.recipe : undefined, mended ? noticeOf("") : undefined];
}
