// Whether the controls of a tab show what the run was trained with.

/** The learning rate that a run was last given, or undefined. */
export const lastRate = ({ events }) =>
  events.filter((event) => event.type === "learning_rate").at(-1)?.learning_rate;

/** The titles of what differs; settings: [name, title] of each value; none if either side is not known.
 *
 * rate: the learning rate that the run was given on the way, if any. */
export function differences(settings, chosen, trained, rate) {
  if (!chosen || !trained) return [];
  const titles = chosen.text === trained.text ? [] : ["text"];
  const tokens = settings.findIndex(([name]) => name === "tokenizer");
  const ofCharacters = [chosen, trained].every(({ values }) => values[tokens] === "characters");
  settings.forEach(([name, title], index) => {
    if (name === "vocab_size" && ofCharacters) return; // the text alone decides how many there are
    const value = (name === "learning_rate" ? rate : undefined) ?? trained.values[index];
    if (!same(chosen.values[index], value)) titles.push(title);
  });
  return titles;
}

/** The parameters of a link for the values of the settings [name, title, usual value]: null of a usual one. */
export const settingsTold = (settings, values) =>
  Object.fromEntries(
    settings.map(([name, , usual], index) => [name, same(values[index], usual) ? null : values[index]]),
  );

/** The name of the recipe that the values are, whatever their seed; null: none. recipes: [[name, values], ...]. */
export function recipeOf(settings, recipes, values) {
  const fits = ([, wanted]) =>
    wanted.every((value, index) => settings[index][0] === "seed" || same(values[index], value));
  return recipes.find(fits)?.[0] ?? null;
}

/** Whether two values of a control are the same; a learning rate that was typed comes as text. */
function same(a, b) {
  if (typeof a === typeof b) return a === b;
  return a !== null && b !== null && a !== "" && b !== "" && Number(a) === Number(b);
}
