// The status of a run, in one line above a bar. The strip also steers the run of its tab: it polls,
// begins runs, and sends the orders of the buttons beside it.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { make } from "../basics/dom.js";
import { hidesOfTexts } from "./choice.js";
import { LIVE, canGoOn, steered } from "./feed.js";
import { ofPairs, onPairs, taskChosen } from "../page/chosen_pairs.js";
import { tabNote } from "../page/ladder.js";
import { ORDERS, pollerOf } from "./polling.js";
import { doingWord, hintWords, statusWords, tipWords } from "./status_words.js";
import { showStart } from "./start_choice.js";
import { noticeOf } from "./choosing.js";
import { tab } from "./tab.js";
import { linkSettings } from "./link.js";
import { rightAt } from "../loss/words.js";

const SLOW_MS = 400; // after which the page says that it prepares a run
const BEGIN_MS = 120000; // a run may begin with a text that is first fetched and counted

export function runFeed(element, props, watch, server) {
  const one = tab(props.feed);
  linkSettings(one, props.feed, props);
  drawStrip(element, props, one);
  let beginning = false;
  let poller = null; // of the feed of the run shown

  const show = () => {
    one.show(props.value?.run ?? null, element, props.value?.trained);
    poller = pollerOf(one.feed, server);
  };

  const prepares = (on) => {
    if (on === one.preparing) return;
    one.preparing = on;
    one.feed.publishState();
  };

  // Whatever is done to a run goes straight to the server: an event of Gradio's keeps the browser busy
  // for longer than the run takes to obey. Gradio is only asked for the settings (`inputs`, those of
  // `Actions.begin`), and told what to show: token, feed, chart, notice.
  one.begin = async (name, inputs) => {
    if (beginning) return [];
    beginning = true;
    const begins = name === "train" || name === "reset" || (name === "step" && !steered(one.record));
    const slow = setTimeout(() => prepares(begins), SLOW_MS);
    const answer = await ask(server, "begin", [name, ...inputs], BEGIN_MS);
    beginning = false;
    clearTimeout(slow);
    prepares(false);
    const error = answer ? answer.error : NO_ANSWER;
    const notice = noticeOf(error ?? "");
    one.refused = error ? inputs.slice(1) : null;
    one.refusedAt = error && name === "go_on" ? { step: one.record.step, trains: false } : null;
    if (name === "go_on") {
      one.feed.expect(({ status }) => LIVE.has(status)); // refused, perhaps, as another tab had it go on
      poller.hurry();
    }
    if (error) return [undefined, undefined, undefined, notice];
    const { run, trained, chart } = answer;
    one.stepped = name === "step" && inputs[0] && run ? run : null;
    if (run) return [run, { run, trained }, chart, notice];
    const { step } = one.record;
    one.feed.expect((record) => record.step > step);
    poller.hurry();
    return [];
  };

  // A notice is Gradio's: a button of its page takes it away.
  one.withdraw = () => document.getElementById(`withdraw-${props.feed}`)?.click();

  // These need nothing but the run.
  element.closest(".run-box").addEventListener("click", ({ target, detail }) => {
    const name = Object.keys(ORDERS).find((order) => target.closest(`#${order}-${props.feed}`));
    if (!name || !element.isConnected || !steered(one.record)) return;
    // Pause takes the place of Train so soon that the second half of a double click would hit it.
    if (name === "pause" && detail > 1) return;
    poller.order(name);
  });

  watch("value", show);
  show();
  const { feed, settings } = props;
  one.onChoice(() => {
    taskChosen(feed, ofPairs(settings, one.chosen.values));
    showStart(element.closest(".rung"), settings, one.chosen.values);
    element.closest(".rung")?.classList.toggle("chose-pairs", hidesOfTexts(settings, one.chosen.values));
  }, element);
  onPairs(() => one.chosen && ofPairs(settings, one.chosen.values) && one.chooseAgain(), element);
}

function drawStrip(element, props, one) {
  const strip = make("div", "strip");
  const bar = make("div", "strip-bar");
  const fill = make("div", "strip-fill");
  const line = make("div", "strip-line");
  const hint = make("div", "strip-hint");
  bar.append(fill);
  strip.append(bar, line, hint);
  element.replaceChildren(strip);
  one.subscribe((record) => {
    const root = element.closest(".rung");
    if (root) {
      // The buttons follow the status; a run of another process cannot be steered from here.
      const elsewhere = LIVE.has(record.status) && !steered(record);
      root.dataset.status = elsewhere ? "elsewhere" : (record.status ?? "loading");
      root.dataset.connection = one.connected ? "ok" : "lost";
      root.classList.toggle("stale", one.stale);
      root.classList.toggle("can-go-on", canGoOn(record));
      root.classList.toggle("tuned-run", Boolean(record.base) && record.events.some((event) => Number.isFinite(event.old_loss)));
      root.classList.toggle("pairs-run", record.pairs === true);
    }
    const done = record.steps ? Math.min(1, record.step / record.steps) : 0;
    fill.style.width = `${100 * done}%`;
    const pieces = statusWords(record);
    line.replaceChildren(...pieces.map(([text, strong]) => (strong ? make("b", "", text) : text)));
    hint.textContent = hintWords(record, one);
    hint.classList.toggle("calm", one.connected && (one.preparing || !one.stale));
    for (const [name, tip] of Object.entries(tipWords(record))) {
      const button = document.getElementById(`${name}-${props.feed}`);
      if (button && button.title !== tip) button.title = tip;
    }
    if (!record.status) return;
    const text = one.trained?.text;
    tabNote(`rung-${props.feed}`, { doing: doingWord(record), loss: record.best, right: rightAt(record), text });
  }, element);
}
