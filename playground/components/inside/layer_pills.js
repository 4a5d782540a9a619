// The choice of a layer or a head, above a picture: a pill for each, or a menu with arrows where there are many.
import { button, make, option, press } from "../basics/dom.js";

const MOST_PILLS = 12;

export class LayerPills {
  /** choose(index): called at a click. name: of what is chosen. */
  constructor(choose, name = "layer") {
    Object.assign(this, { choose, name, count: 0 });
    this.node = make("span", "pills");
  }

  /** count: how many there are; chosen: the one drawn. A single one is no choice, and not shown. */
  show(count, chosen) {
    this.node.hidden = count < 2;
    const many = count > MOST_PILLS;
    if (this.count !== count) {
      this.count = count;
      this.node.replaceChildren(...(many ? this.pages(count) : this.pills(count)));
    }
    this.chosen = chosen;
    if (many) this.menu.value = String(chosen);
    else [...this.node.children].forEach((pill, index) => press(pill, index === chosen));
  }

  pills(count) {
    const label = (index) => (index === 0 ? `${this.name} 1` : `${index + 1}`);
    const pill = (_, index) => button(label(index), "pill-button", `${this.name} ${index + 1}`, () => this.choose(index));
    return Array.from({ length: count }, pill);
  }

  pages(count) {
    this.menu = make("select", "runs-menu layer-menu");
    this.menu.setAttribute("aria-label", `The ${this.name} that is shown`);
    this.menu.append(...Array.from({ length: count }, (_, n) => option(`${this.name} ${n + 1} of ${count}`, String(n))));
    this.menu.addEventListener("change", () => this.choose(Number(this.menu.value)));
    const turn = (by, sign, title) =>
      button(sign, "pill-button", title, () => this.choose((this.chosen + by + count) % count));
    return [turn(-1, "‹", `The ${this.name} before`), this.menu, turn(1, "›", `The ${this.name} after`)];
  }
}
