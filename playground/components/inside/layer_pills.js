// The choice of a layer, above a picture of its heads.
import { button, make, press } from "../basics/dom.js";

export class LayerPills {
  /** choose(layer): called at a click. */
  constructor(choose) {
    this.choose = choose;
    this.node = make("span", "pills");
  }

  /** layers: how many; chosen: the one drawn. A single one is no choice, and not shown. */
  show(layers, chosen) {
    this.node.hidden = layers < 2;
    if (this.node.children.length !== layers) {
      this.node.replaceChildren(
        ...Array.from({ length: layers }, (_, layer) =>
          button(layer === 0 ? "layer 1" : `${layer + 1}`, "pill-button", `layer ${layer + 1}`, () => this.choose(layer)),
        ),
      );
    }
    [...this.node.children].forEach((pill, layer) => press(pill, layer === chosen));
  }
}
