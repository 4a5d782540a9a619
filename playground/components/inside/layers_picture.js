// Layer by layer: what each layer would already say, if the output head read the residual path after it.
import { make, scrolling } from "../basics/dom.js";
import { percent, shown } from "../basics/wording.js";

const COLUMNS = 28; // positions shown, the last ones

export class LayersPicture {
  constructor() {
    this.node = make("div", "layers-picture");
    this.table = make("table", "layers-table");
    this.words = make("p", "figure-words");
    const scroll = scrolling("layers-scroll", "Layer by layer");
    scroll.append(this.table);
    this.node.append(scroll, this.words);
  }

  show({ tokens, layers, losses }) {
    const from = Math.max(0, tokens.length - COLUMNS);
    const rows = layers.map((layer, index) => {
      const row = make("tr");
      const name = index === 0 ? "embedding" : `layer ${index}`;
      row.append(make("th", "", name));
      for (const [place, [token, probability]] of layer.slice(from).entries()) {
        const cell = make("td", "", token === " " ? "␣" : shown(token));
        const right = tokens[from + place + 1] === token;
        cell.classList.toggle("right", right);
        cell.style.setProperty("--share", `${Math.round(100 * probability)}%`);
        cell.title = `${percent(probability)}${right ? ", and right" : ""}`;
        row.append(cell);
      }
      row.append(make("td", "layers-loss", losses[index].toFixed(2)));
      return row;
    });
    const text = make("tr", "layers-text");
    text.append(make("th", "", "text"));
    for (const token of tokens.slice(from)) {
      text.append(make("td", "", token === " " ? "␣" : shown(token)));
    }
    text.append(make("td", "figure-unit", "nats"));
    this.table.replaceChildren(text, ...rows);
    const [first, last] = [losses[0], losses.at(-1)];
    this.words.textContent =
      `Under each token the likeliest next one; underlined where it is right. From ${first.toFixed(2)} nats ` +
      `before the first layer to ${last.toFixed(2)} after the last, on this text.`;
  }

  fit() {}
}
