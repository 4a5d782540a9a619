// The cards of the Start tab, one for each model, and the ways from it into the others.
import { button, make } from "./dom.js";
import { LIVE, evaluations } from "./feed.js";
import { beginTour, openAndDo } from "./guide.js";
import { whole } from "./wording.js";

/** The card of a model (playground/ladder_data.py); a click opens its tab. */
export function cardOf(model) {
  const node = button("", "card start-card", `Open ${model.title}`, () =>
    document.getElementById(`rung-${model.key}-button`)?.click(),
  );
  node.dataset.model = model.key;
  const sees = make("span", "start-sees");
  sees.title = "what it can see of the last characters, and the next one, which it guesses";
  for (const share of model.sees) {
    const square = make("i");
    square.style.setProperty("--share", `${Math.round(100 * share)}%`);
    sees.append(square);
  }
  sees.append(make("i", "start-next"));
  node.append(
    make("b", "start-card-title", `${model.number} ${model.title}`),
    make("span", "start-idea", model.idea),
    make("span", "start-card-loss"),
    sees,
    make("span", "start-writes", model.writes ? `“${model.writes}”` : ""),
    make("span", "start-state"),
  );
  showLoss(node, model.loss, model.gain);
  return node;
}

function showLoss(node, loss, gain) {
  const number = Number.isFinite(loss) ? loss.toFixed(2) : "–";
  const place = node.querySelector(".start-card-loss");
  place.replaceChildren(make("b", "", number));
  if (Number.isFinite(gain)) {
    const words = `${gain >= 0 ? "−" : "+"}${Math.abs(gain).toFixed(2)}`;
    place.append(make("span", gain >= 0 ? "better" : "worse", words));
  }
}

/** Shows on a card how its model does in a race, against the loss of the model before; returns its loss. */
export function showRace(node, { state, problem }, record, before) {
  const loss = record ? evaluations(record).at(-1)?.loss : undefined;
  const written = record?.events.filter(({ type }) => type === "sample").at(-1)?.text;
  node.querySelector(".start-state").textContent = problem ?? stateWords(state, record);
  node.classList.toggle("racing", Boolean(record) && LIVE.has(record.status));
  if (written) node.querySelector(".start-writes").textContent = `“${written.trim().slice(0, 44)}”`;
  showLoss(node, loss, Number.isFinite(before) ? before - loss : null);
  return loss;
}

/** What a model of a race is doing. */
function stateWords(state, record) {
  const waiting = { waiting: "waiting", timing: "measuring this machine", stopped: "not started" };
  if (!record?.status) return waiting[state] ?? "";
  const { status, queue, step, steps } = record;
  if (status === "queued") return queue ? `waiting: place ${queue.place} of ${queue.of}` : "waiting for a core";
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
