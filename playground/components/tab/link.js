// What the address of the page tells of a model's tab: the run shown, its moment, and the settings.
import { settingsTold } from "./choice.js";
import { join, moved, opens } from "../page/link.js";
import { rememberHere } from "../page/own_runs.js";

/** The snapshot nearest to a step that a link asks for; null for the last one. */
export function nearest(steps, step) {
  const best = steps.reduce((a, b) => (Math.abs(b - step) < Math.abs(a - step) ? b : a));
  return best === steps.at(-1) && best < step ? null : best;
}

/** The step that the link asks of the next run that a `Tab` shows: while the page opens, also of the link's own run. */
export const stepAsked = (tab) => (tab.record.run && !opens() ? null : tab.stepAsked);

/** Puts run and moment of a `Tab` into the address; returns what takes the record of the run shown. */
export function linkTab(tab, key) {
  let shown = {};
  tab.key = key;
  join(key, ["run"], () => {
    const { run, link } = tab.record;
    return run && link !== undefined ? { run: link === tab.included ? null : link } : null;
  });
  const take = ({ step }) => {
    if (/^\d{1,12}$/.test(step)) tab.step = tab.stepAsked = Number(step);
  };
  join(key, ["step"], () => (tab.record.status ? { step: tab.step } : null), take);
  return ({ run, link }) => {
    if (run === shown.run && link === shown.link) return;
    shown = { run, link };
    rememberHere(key, run);
    moved();
  };
}

/** Gives a `Tab` its settings, [name, title, usual value] each, its recipes, and the run of the page as written. */
export function linkSettings(tab, key, { settings, recipes, included }) {
  Object.assign(tab, { settings, recipes, included });
  const names = settings.map(([name]) => name);
  join(key, names, () => (tab.chosen ? settingsTold(settings, tab.chosen.values) : null));
}
