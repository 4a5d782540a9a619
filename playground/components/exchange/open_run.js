// Opening a run on its model's tab, from a script: Gradio asks for the run when a hidden button is pressed.
import { tab } from "../tab/tab.js";

const LOOK_MS = 100;
const WAIT_MS = 10000; // until Gradio has mounted a tab that was never open

/** The run that the tab of a model is to show: the input of the button's event. */
export const runToOpen = (key) => tab(key).toOpen ?? null;

/** Shows a run on its model's tab, and that tab. */
export function openRun(key, run, waited = 0) {
  tab(key).toOpen = run;
  if (waited === 0) document.getElementById(`rung-${key}-button`)?.click();
  const go = document.getElementById(`open-${key}`);
  if (go) go.click();
  else if (waited < WAIT_MS) setTimeout(openRun, LOOK_MS, key, run, waited + LOOK_MS);
}
