// The Tokens tab: a text of one's own, cut by two tokenizers side by side, and the merge player.
import { button, make, press, scrolling } from "../basics/dom.js";
import { Listeners } from "../basics/listeners.js";
import { chosenText, onText } from "../page/chosen_text.js";
import { CHARACTERS, chosenTokens, onTokens } from "../page/chosen_tokens.js";
import { join, moved, unlessLong } from "../page/link.js";
import { LatestQuestion } from "./learning.js";
import { Pane } from "./pane.js";
import { MergePlayer } from "./player.js";
import { TextBox } from "./text_box.js";
import { beginning, characters } from "./words.js";

const SIDES = ["left", "right"];

let shown = null; // the tab of this page
const listeners = new Listeners();

export const tokensTab = () => shown;

/** Calls act() when the tab shows another cut, while `node` is on the page. */
export const onCut = (act, node) => listeners.add(act, node);

export class TokensTab {
  constructor(element, props, _watch, server) {
    this.server = server;
    this.cutting = new LatestQuestion(server, "cut_text", (words) => (this.note.textContent = words));
    this.most = props.most[0];
    this.examples = props.examples;
    this.usual = { example: props.example, left: props.sides[0], right: props.sides[1] };
    Object.assign(this, this.usual);
    this.ids = this.own = false; // ids are shown; the right side was chosen by hand
    this.follow();
    this.box = new TextBox({ typed: () => this.typed(), point: (index) => this.point(index) });
    this.linkIn();
    this.build(element, props);
    this.player = new MergePlayer(this, props);
    this.page.append(this.player.node);
    onText(() => this.changed(), element);
    onTokens(() => (this.follow(), this.changed()), element);
    shown = this;
    this.changed();
  }

  linkIn() {
    const told = () => ({
      example: this.example === this.usual.example ? null : this.example,
      cut: this.example === null ? unlessLong(this.box.value, "") : null,
      left: this.left === this.usual.left ? null : this.left,
      right: this.own && this.right !== this.followed() ? this.right : null,
      ids: this.ids ? 1 : null,
    });
    join("tokens", ["example", "cut", ...SIDES, "ids"], told, (given) => {
      if (given.cut) [this.example, this.box.value] = [null, given.cut];
      else if (this.examples.some(([name]) => name === given.example)) this.example = given.example;
      this.left = given.left ?? this.left;
      this.right = given.right ?? this.right;
      this.own = given.right !== undefined;
      this.ids = given.ids === "1";
    });
  }

  build(element, { vocabularies }) {
    const head = make("div", "figure-head");
    this.pills = this.examples.map(([name, title]) => {
      const pill = button(title, "pill-button", `Cut this example: ${title}`, () => this.set({ example: name }));
      pill.dataset.example = name;
      return pill;
    });
    const pills = make("span", "pills tokens-examples");
    pills.append(...this.pills);
    this.idPill = button("ids", "pill-button", "Show the number of each piece: all that a model gets", () => this.set({ ids: !this.ids }));
    const tools = make("span", "figure-tools");
    tools.append(pills, this.idPill);
    head.append(make("h2", "figure-title", "How the text is cut"), tools);
    const own = make("section", "tokens-side own");
    this.note = make("p", "tokens-foot tokens-note");
    this.note.setAttribute("role", "status");
    const line = make("div", "tokens-line");
    line.append(make("span", "", "The text: type your own"));
    own.append(line, this.box.node, this.note);
    this.panes = SIDES.map((side) => new Pane({
      side,
      vocabularies,
      chosen: this[side],
      choose: (tokens) => this.set({ [side]: tokens }),
      light: (piece) => this.light(piece && [piece[2], piece[3]], true),
    }));
    this.cut = make("div", "tokens-cut");
    this.cut.append(own, ...this.panes.map(({ node }) => node));
    this.words = scrolling("tokens-words", "The cuts in words");
    this.words.setAttribute("aria-live", "polite");
    this.card = make("div", "card");
    this.card.append(head, this.cut, this.words);
    this.page = make("div", "tokens");
    this.page.id = "panel-tokens";
    this.page.append(this.card);
    element.replaceChildren(this.page);
  }

  /** The tokens of the header, if they are pieces; else the usual ones. */
  followed() {
    const tokens = chosenTokens();
    return tokens && tokens !== CHARACTERS ? tokens : this.usual.right;
  }

  /** Shows them on the right, until somebody chooses others there. */
  follow() {
    if (!this.own) this.right = this.followed();
  }

  /** Sets what is given: {example or text, left, right, ids}; resolves once it is shown. */
  set({ example, text, left, right, ids }) {
    if (text !== undefined) [this.example, this.box.value] = [null, text];
    else if (example) this.example = example;
    this.left = left ?? this.left;
    if (right) [this.right, this.own] = [right, true];
    this.ids = ids ?? this.ids;
    return this.changed();
  }

  typed() {
    this.example = null;
    this.changed();
  }

  changed() {
    for (const pill of this.pills) press(pill, pill.dataset.example === this.example);
    press(this.idPill, this.ids);
    this.cut.classList.toggle("with-ids", this.ids);
    this.panes.forEach((pane, index) => pane.chosen === this[SIDES[index]] || pane.offer(this[SIDES[index]]));
    this.player.refresh();
    moved();
    return this.look();
  }

  /** What the server is asked to cut. */
  question() {
    const { example, left, right } = this;
    const own = example === null ? beginning(this.box.value, this.most) : {};
    return { key: chosenText(), example, left, right, ...own };
  }

  /** Asks for the cut; the answer to an earlier question is dropped. */
  async look() {
    if (chosenText() === null) return;
    this.cut.classList.add("waiting");
    const answer = await this.cutting.ask(this.question());
    if (!answer) return;
    this.cut.classList.remove("waiting");
    this.take(answer);
    if (answer.panes?.some(({ again }) => again)) this.cutting.later(() => this.look(), this.cut);
  }

  take({ text = "", note = "", panes = [{}, {}], words = [], losses = "", error = "" }) {
    if (this.example !== null && !error) this.box.value = text;
    this.note.textContent = error || note;
    this.panes.forEach((pane, index) => pane.show(panes[index], characters(text)));
    const said = words.map((one) => make("p", "", one));
    if (losses) said.splice(1, 0, make("p", "tokens-losses", losses));
    this.words.replaceChildren(...said);
    listeners.call();
  }

  /** Lights the characters [start, end) in the text and on both sides; null: nothing. */
  light(range, reveal = false) {
    this.box.mark(range, { reveal });
    for (const pane of this.panes) pane.light(range);
  }

  /** Lights the pieces of one character, and marks what they stand for. */
  point(index) {
    const pieces = index === null ? [] : this.panes.flatMap((pane) => pane.pieces);
    const around = pieces.filter(([, , start, end]) => start <= index && index < end);
    this.light(around.length ? [index, index + 1] : null);
  }
}
