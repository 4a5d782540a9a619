// The small pictures of the heads of a layer: a click draws one large, its eye switches it off.
import { button, make, press } from "../basics/dom.js";
import { paintThumbnail } from "./heat_map.js";

export class HeadThumbs {
  /** choose(head), toggle(head): the acts of a thumbnail and of its eye. */
  constructor({ choose, toggle }) {
    Object.assign(this, { choose, toggle });
    this.node = make("div", "thumbs");
  }

  /** heads: how many; chosen: the one drawn large; hue, weights, off: of a head. */
  show({ heads, chosen, hue, weights, off }) {
    this.node.classList.toggle("many", heads > 4);
    if (this.node.children.length !== heads) {
      this.node.replaceChildren(...Array.from({ length: heads }, (_, head) => this.thumb(head)));
    }
    [...this.node.children].forEach((cell, head) => {
      const [picture, eye] = cell.children;
      const isOff = off(head);
      press(picture, head === chosen);
      picture.style.setProperty("--hue", hue(head));
      paintThumbnail(picture.firstChild, weights(head), hue(head));
      cell.classList.toggle("off", isOff);
      eye.title = isOff ? "Switch this head on again" : "Switch this head off";
      eye.setAttribute("aria-label", `${eye.title}: head ${head + 1}`);
      eye.setAttribute("aria-pressed", String(isOff));
    });
  }

  thumb(head) {
    const picture = button("", "thumb", `head ${head + 1}`, () => this.choose(head));
    picture.setAttribute("aria-label", `head ${head + 1}`);
    picture.append(make("canvas"));
    const cell = make("span", "thumb-cell");
    cell.append(picture, button("◉", "thumb-eye", "", () => this.toggle(head)));
    return cell;
  }
}
