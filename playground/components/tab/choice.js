// Whether the controls of a tab show what the run was trained with. The header chooses the tokens, for all tabs.
import { learnedText, ofPairs } from "../page/chosen_pairs.js";
import { RANDOM } from "./start_choice.js";
import { CHARACTERS } from "../page/chosen_tokens.js";

const OF_TOKENS = ["tokenizer", "vocab_size"]; // settings, in this order; they have no controls on a tab
const OF_TEXTS = ["ngram_share"]; // settings that the server refuses of a run on pairs, unless they are 0
const USUAL_SIZE = 1024; // of the setting, which characters do not use

/** The values of all settings: those of a tab's controls, and at place `at` those of tokens as "bpe:1024". */
export function withTokens(values, tokens, at) {
  const [kind, size] = String(tokens ?? CHARACTERS).split(":");
  return [...values.slice(0, at), kind, Number(size ?? USUAL_SIZE), ...values.slice(at)];
}

/** [text, values] with which a tab {key, settings, trained} would train: the chosen pairs, if its task needs pairs;
 * else the text and tokens that are given. No menu cuts pairs: they are cut as for the run shown, if it learned the
 * same ones, else into characters. */
export function learned(tab, text, tokens, values, at) {
  const all = withTokens(values, tokens, at);
  if (!ofPairs(tab.settings, all)) return [text, all];
  const pairs = learnedText(tab, text);
  const cut = tab.trained?.text === pairs ? tab.trained.values.slice(at, at + OF_TOKENS.length).join(":") : CHARACTERS;
  return [pairs, withTokens(values, cut, at)];
}

/** Whether these values of settings, [name, ...] each, need no control for what only texts can use. */
export const hidesOfTexts = (settings, values) =>
  ofPairs(settings, values) &&
  settings.every(([name], index) => !OF_TEXTS.includes(name) || Number(values[index]) === 0);

/** The learning rate that a run was last given, or undefined. */
export const lastRate = ({ events }) =>
  events.filter((event) => event.type === "learning_rate").at(-1)?.learning_rate;

/** The titles of what differs; settings: [name, title] of each value; none if either side is not known.
 *
 * rate: the learning rate that the run was given on the way, if any. */
export function differences(settings, chosen, trained, rate) {
  if (!chosen || !trained) return [];
  const titles = chosen.text === trained.text ? [] : ["text"];
  const tokens = settings.findIndex(([name]) => name === OF_TOKENS[0]);
  const kinds = [chosen, trained].map(({ values }) => values[tokens]);
  const start = settings.findIndex(([name]) => name === "start");
  const tuned = start >= 0 && (chosen.values[start] ?? RANDOM) !== RANDOM; // its tokens are those of another run
  const comparable = kinds[0] === kinds[1] && kinds[0] !== CHARACTERS;
  settings.forEach(([name, title], index) => {
    if (tuned && OF_TOKENS.includes(name)) return;
    if (name === OF_TOKENS[1] && !comparable) return; // of characters, the text alone decides how many there are
    const value = (name === "learning_rate" ? rate : undefined) ?? trained.values[index];
    if (!same(chosen.values[index], value)) titles.push(title);
  });
  return titles;
}

/** The parameters of a link for the values of the settings [name, title, usual value]: null of a usual one. */
export function settingsTold(settings, values) {
  const told = settings.map(([name, , usual], index) => [name, same(values[index], usual) ? null : values[index]]);
  return Object.fromEntries(told.filter(([name]) => !OF_TOKENS.includes(name)));
}

/** The name of the recipe that the values are, whatever their seed and tokens; null: none.
 *
 * recipes: [[name, values], ...]. */
export function recipeOf(settings, recipes, values) {
  const free = ["seed", ...OF_TOKENS];
  const fits = ([, wanted]) =>
    wanted.every((value, index) => free.includes(settings[index][0]) || same(values[index], value));
  return recipes.find(fits)?.[0] ?? null;
}

/** Whether two values of a control are the same; a learning rate that was typed comes as text. */
function same(a, b) {
  if (typeof a === typeof b) return a === b;
  return a !== null && b !== null && a !== "" && b !== "" && Number(a) === Number(b);
}
