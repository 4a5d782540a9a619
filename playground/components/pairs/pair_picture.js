// The heads of one part of an encoder–decoder: thumbnails, one head large, and the text that asks. The rows ask, the
// columns answer; of cross-attention they are two texts.
import { AttentionPicture } from "../inside/attention_picture.js";
import { make } from "../basics/dom.js";
import { shown } from "../basics/wording.js";

const FAINT = 0.25; // opacity of a token that the row in focus does not look at

export class PairPicture extends AttentionPicture {
  /** toggle([layer, head]), isOff(layer, head): the card's acts. A click on a cell keeps its row in focus. */
  constructor({ toggle, isOff }) {
    super({ toggle, isOff, openCell: ([, , row]) => this.pin(row) });
    this.roles = make("p", "pair-roles");
    this.read = make("div", "pair-read"); // the text of the columns, if it is another
    this.read.setAttribute("aria-hidden", "true"); // the sentence below tells the same
    this.node.prepend(this.roles);
    this.strip.node.before(this.read);
    this.opened = false; // whether the clearest head was chosen
  }

  show(answer) {
    if (!this.opened && answer.best) [this.layer, this.head] = answer.best;
    this.opened = true;
    tellRoles(this.roles, answer);
    this.node.classList.toggle("two-texts", Boolean(this.another(answer)));
    super.show(answer);
  }

  /** The tokens of the columns, if they are another text than the rows. */
  another({ part, columns }) {
    return part === "cross" ? columns : null;
  }

  showText() {
    super.showText();
    const tokens = this.another(this.answer) ?? [];
    this.read.hidden = !tokens.length;
    this.read.replaceChildren(...tokens.map((token) => make("span", "pair-token", shown(token))));
  }

  dimText(row, weights, hue) {
    if (!this.another(this.answer)) return super.dimText(row, weights, hue);
    [...this.strip.text.children].forEach((node, at) => node.classList.toggle("looks", at === row));
    [...this.read.children].forEach((node, at) => {
      node.style.opacity = row === null ? "" : FAINT + (1 - FAINT) * (weights[at] ?? 0);
      node.style.background = row === null ? "" : `color-mix(in srgb, ${hue} ${Math.round(70 * (weights[at] ?? 0))}%, transparent)`;
    });
  }
}

/** Says who asks and who answers. */
export function tellRoles(node, { asks, answers }, [first, second] = ["Rows ask", "columns answer"]) {
  node.replaceChildren(make("b", "", first), `: ${asks}; `, make("b", "", second), `: ${answers}.`);
}
