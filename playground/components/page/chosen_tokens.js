// The tokens that the page's header chooses, "characters" or "bpe:1024", and those who hear of others.
import { Listeners } from "../basics/listeners.js";
import { whole } from "../basics/wording.js";
import { join, moved, opens } from "./link.js";

export const CHARACTERS = "characters";
// Also of the server, in place of the header's facts.
const LEARNING = "learning the pieces …";
const LOADING = "loading the text …";
const AGAIN_MS = 1500;
const FOLLOW_MS = 100; // within which an answer that sets text and tokens has arrived whole
const OWN = "own"; // the entry of the menu of texts that opens a panel
const TITLES = { characters: "characters", bpe: "BPE", unigram: "Unigram" };

let tokens = null;
let linked = null; // of the link with which the page was opened
let answered = null; // the text and the tokens that the header's facts are about; null: not known yet
let again, following; // timers
let typed; // the text in the menu of the vocabulary when it was chosen
const listeners = new Listeners();
const vocabulary = () => globalThis.document?.querySelector("#vocabulary input");

const tell = () => (tokens === null ? null : { tokens: tokens === CHARACTERS ? null : tokens });
join(null, ["tokens"], tell, (given) => {
  linked = given.tokens;
});

/** While the page opens, the tokens of its link, if it has some; else those that the page has. */
export const tokensLinked = (present) => (opens() && linked) || present;

/** The chosen tokens; null: not known yet. */
export const chosenTokens = () => tokens;

/** Takes the tokens that are chosen now. */
export function tokensChosen(chosen) {
  if (chosen === tokens) return;
  tokens = chosen;
  listeners.call(chosen);
  moved();
}

/** Calls act(tokens) when others are chosen, while `node` is on the page. */
export const onTokens = (act, node) => listeners.add(act, node);

/** Tokens in words: "characters", or "BPE 1,024". */
export function tokensTitle(chosen) {
  const [kind, size] = String(chosen).split(":");
  return [TITLES[kind] ?? kind, size && whole(Number(size))].filter(Boolean).join(" ");
}

/** The words in place of the header's facts while the server cuts the text; facts: those that stand there.
 *
 * text: the text that was chosen, if that was the choice; null: its menu was left without one. */
export function cuttingWords(kind, facts, text) {
  typed = vocabulary()?.value;
  const same = text === undefined && `${kind}:${typed?.replace(",", "")}` === tokens; // a menu was left
  return kind === CHARACTERS || text === OWN || text === null || same ? facts : LEARNING;
}

/** Text and tokens were set to `now`, perhaps by a guide: the header's facts follow, if they are about others. */
export function choiceSet(now) {
  clearTimeout(following);
  following = setTimeout(() => {
    if (answered !== null && answered !== String(now)) document.getElementById("tokens-follow")?.click();
  }, FOLLOW_MS);
}

/** The server has answered a choice: if it still loads or learns, it is asked again.
 *
 * A menu with the focus keeps a text that was refused: it is left. now: the text and the tokens. */
export function tokensAnswered(now) {
  answered = String(now);
  clearTimeout(again);
  again = setTimeout(() => {
    const facts = document.querySelector("#facts")?.textContent ?? "";
    if (facts.includes(LEARNING) || facts.includes(LOADING)) document.getElementById("tokens-again")?.click();
  }, AGAIN_MS);
  const menu = vocabulary();
  if (menu && menu === document.activeElement && menu.value === typed) menu.blur();
}
