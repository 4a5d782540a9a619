// Whether the controls of a tab show what the run was trained with.

const rateOf = ({ events }) =>
  events.filter((event) => event.type === "learning_rate").at(-1)?.learning_rate;

/** The titles of what differs; settings: [name, title] of each value; none if either side is not known.
 *
 * The learning rate of a run is the one that it was last given. */
export function differences(settings, chosen, trained, record) {
  if (!chosen || !trained) return [];
  const titles = chosen.text === trained.text ? [] : ["text"];
  settings.forEach(([name, title], index) => {
    const value = name === "learning_rate" ? rateOf(record) : undefined;
    if (!same(chosen.values[index], value ?? trained.values[index])) titles.push(title);
  });
  return titles;
}

/** Whether two values of a control are the same; a learning rate that was typed comes as text. */
function same(a, b) {
  if (typeof a === typeof b) return a === b;
  return a !== null && b !== null && a !== "" && b !== "" && Number(a) === Number(b);
}
