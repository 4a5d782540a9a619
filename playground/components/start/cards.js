// The cards of the Start tab, one for each model, and the ways from it into the others.
import { button, make } from "../basics/dom.js";
import { LIVE } from "../tab/feed.js";
import { beginTour, openAndDo } from "../tab/guide.js";
import { decimalsOf, share, whole } from "../basics/wording.js";

/** The card of a model (playground/tabs/ladder_data.py); a click opens its tab. */
export function cardOf(model) {
  const node = button("", "card start-card", `Open ${model.title}`, () =>
    document.getElementById(`rung-${model.key}-button`)?.click(),
  );
  node.dataset.model = model.key;
  const sees = make("span", "start-sees");
  sees.title = "what it can see of the last tokens, and the next one, which it guesses";
  for (const seen of model.sees) {
    const square = make("i");
    square.style.setProperty("--share", `${Math.round(100 * seen)}%`);
    sees.append(square);
  }
  sees.append(make("i", "start-next"));
  const head = make("span", "start-head");
  head.append(make("b", "start-card-title", `${model.number} ${model.title}`), make("span", "start-idea", model.idea));
  node.append(
    head,
    make("span", "start-card-loss"),
    sees,
    make("span", "start-writes", model.writes ? `“${model.writes}”` : ""),
    // It learns other lines, so it has no place in a race.
    model.right === undefined ? make("span", "start-state") : make("span", "start-pairs", model.of && `on ${model.of}`),
  );
  return node;
}

/** Shows the losses on the cards; models: [{key, loss}] in their order, gains: by model, of those compared. */
export function showLosses(cards, { models, gains }) {
  const decimals = decimalsOf(models.map(({ loss }) => loss));
  for (const { key, loss, right, of } of models) {
    const place = cards.querySelector(`[data-model=${key}] .start-card-loss`);
    if (right !== undefined) {
      // Lines are right or wrong: the number stands on no axis with the losses of a text.
      place.replaceChildren(make("b", "", right === null ? "–" : share(right)), make("span", "", "right"));
      place.title = of ? `held-out lines exactly right, of ${of}` : "";
      continue;
    }
    const number = Number.isFinite(loss) ? loss.toFixed(decimals) : "–";
    place.replaceChildren(make("b", "", number));
    const gain = gains[key];
    if (!Number.isFinite(gain)) continue;
    const better = gain >= 0;
    const words = `${better ? "−" : "+"}${Math.abs(gain).toFixed(decimals)}`;
    place.append(make("span", better ? "better" : "worse", words));
  }
}

/** The text of the losses that the cards show, if another one is chosen now: its losses would be others.
 *
 * shown: {corpus: the key of the text, text: its title}. */
export const ofAnotherText = ({ corpus, text }, chosen) =>
  text && chosen && corpus !== chosen ? `loss on ${text}` : "";

/** Shows on a card how its model does in a race; text: as of `ofAnotherText`. */
export function showRace(node, { state, problem }, record, text) {
  const written = record?.events.filter(({ type }) => type === "sample").at(-1)?.text;
  const words = [stateWords(state, record), text].filter(Boolean).join(" · ");
  node.querySelector(".start-state").textContent = problem ?? words;
  node.classList.toggle("racing", Boolean(record) && LIVE.has(record.status));
  const line = written ? `“${written.trim().slice(0, 44).trim()}”` : ""; // not that of the included run
  node.querySelector(".start-writes").textContent = line;
}

/** What a model of a race is doing. */
function stateWords(state, record) {
  const waiting = { waiting: "waiting", stopped: "not started" };
  if (!record?.status) return waiting[state] ?? "";
  const { status, queue, step, steps } = record;
  if (status === "queued") return queue ? `waiting: place ${queue.place} of ${queue.of}` : "waiting for a core";
  if (status === "starting" && state === "timing") return "starting: its pace is measured";
  return status === "running" ? `training: ${whole(step)} of ${whole(steps)}` : status;
}

/** The tour, and a GPT in five seconds. */
export function waysIn() {
  const about = "All models, from counting to a GPT, in steps that one does";
  const tour = button("Take the tour", "link-button", about, beginTour);
  const recipe = "The decoder with its quickest recipe";
  const quick = button("Train a GPT in seconds", "link-button", recipe, () =>
    openAndDo("decoder_transformer", "five-seconds"),
  );
  const newHere = make("p", "", "New here? ");
  newHere.append(tour, " · about 20 minutes, ten questions answered by doing.");
  const hurry = make("p", "", "In a hurry? ");
  hurry.append(quick);
  const ways = make("div", "start-ways");
  ways.append(newHere, hurry);
  return ways;
}
