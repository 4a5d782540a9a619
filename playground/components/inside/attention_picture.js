// The picture in the attention view: thumbnails of the heads, one head large, and the text with one
// position in focus. It draws an answer of `look` and asks for nothing itself.
import { PLOT_CONFIG, colour } from "../page/appearance.js";
import { AttentionWeights, rowOf, strongest } from "./attention_weights.js";
import { isVisible, make } from "../basics/dom.js";
import { HeadThumbs } from "./head_thumbs.js";
import { heatMapKeys } from "./heat_map_keys.js";
import { curtains, fitAxes, headFigure, hueOf, tableFigure } from "./heat_map.js";
import { LayerPills } from "./layer_pills.js";
import { TokenStrip } from "./token_strip.js";
import { headWords, rowWords, tell, wordsNode } from "./attention_words.js";

export class AttentionPicture {
  /** openCell([layer, head, row, column]), toggle([layer, head]), isOff(layer, head): the card's acts. */
  constructor({ openCell, toggle, isOff }) {
    Object.assign(this, { openCell, toggle, isOff });
    this.node = make("div", "attention-picture");
    this.answer = null;
    this.weights = null; // AttentionWeights of the answer; null for a table
    this.layer = this.head = 0;
    this.pinned = this.pointed = null; // rows
    this.unseen = false; // was to be drawn while nobody could see it
    this.layerPills = new LayerPills((layer) => {
      this.layer = layer;
      this.render();
    });
    this.thumbs = new HeadThumbs({
      choose: (head) => {
        this.head = head;
        this.render();
      },
      toggle: (head) => this.toggle([this.layer, head]),
    });
    this.words = wordsNode();
    const side = make("div", "attention-side");
    this.cost = make("p", "figure-words head-cost");
    side.append(this.thumbs.node);
    this.tools = this.layerPills.node;
    const said = make("div", "attention-said");
    said.append(this.words, this.cost);
    this.plot = make("div", "plot");
    this.describe = this.keys();
    this.body = make("div", "attention-body");
    this.body.append(side, this.plot);
    this.strip = new TokenStrip({ point: (row) => this.point(row), pin: (row) => this.pin(row) });
    this.node.append(this.body, said, this.strip.node);
  }

  /** Makes the drawing answer to the keyboard; returns what writes its text alternative. */
  keys() {
    return heatMapKeys(this);
  }

  /** Another text: no position is in focus any more. */
  forget() {
    this.pinned = null;
  }

  /** What the heads that are off cost, in words. */
  showCost(words) {
    this.cost.textContent = words;
  }

  /** Draws another answer; the layer, the head and the focus stay where the answer has them too. */
  show(answer) {
    this.answer = answer;
    this.node.classList.toggle("is-table", answer.kind === "table");
    this.weights = answer.weights ? new AttentionWeights(answer) : null;
    if (this.weights) {
      this.layer = Math.min(this.layer, answer.layers - 1);
      this.head = Math.min(this.head, answer.heads - 1);
      if (this.pinned >= answer.tokens.length) this.pinned = null;
    }
    this.render();
  }

  render() {
    if (!this.answer) return;
    if (!this.weights) {
      this.words.textContent = this.answer.summary ?? "";
      this.draw(tableFigure(this.answer.figure));
      return;
    }
    this.layerPills.show(this.answer.layers, this.layer);
    this.renderThumbs();
    this.showText();
    this.renderHead();
  }

  showText() {
    this.strip.show(this.answer.tokens, this.answer.losses);
  }

  renderThumbs() {
    const { figure, heads } = this.answer;
    this.thumbs.show({
      heads,
      chosen: this.head,
      hue: (head) => hueOf(figure, head),
      weights: (head) => this.weights.head(this.layer, head),
      off: (head) => this.isOff(this.layer, head),
    });
  }

  /** The head that is drawn large. */
  get chosen() {
    return this.weights.head(this.layer, this.head);
  }

  renderHead() {
    const { figure } = this.answer;
    this.draw(headFigure(figure, this.chosen, hueOf(figure, this.head)));
    this.showFocus();
  }

  draw({ data, layout }) {
    this.unseen = !isVisible(this.plot); // drawn when the tab is shown again
    if (this.unseen) return;
    const drawn = {
      ...layout,
      ...(this.weights ? fitAxes(layout, this.weights, this.plot) : {}),
      autosize: true,
      dragmode: false,
      font: { color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
      shapes: curtains(this.focus, this.weights),
    };
    Plotly.react(this.plot, data, drawn, PLOT_CONFIG).then(() => {
      this.listen();
      this.describe();
    });
  }

  /** Hears of the pointer, once plotly has made the heatmap. */
  listen() {
    if (this.listening || !this.weights) return;
    this.listening = true;
    this.plot.on("plotly_hover", ({ points }) => this.point(points[0].pointIndex[0]));
    this.plot.on("plotly_unhover", () => this.point(null));
    this.plot.on("plotly_click", ({ points }) => {
      const [row, column] = points[0].pointIndex;
      this.openCell([this.layer, this.head, row, column]);
    });
  }

  fit() {
    if (!this.plot.data) return this.render();
    if (this.weights) {
      this.renderThumbs(); // they hold the colours of the theme
      this.renderHead();
    } else this.render();
    Plotly.Plots.resize(this.plot);
  }

  // One position in focus, the others dimmed

  get focus() {
    return this.pointed ?? this.pinned;
  }

  point(row) {
    if (row === this.pointed) return;
    this.pointed = row;
    this.refocus();
  }

  pin(row) {
    this.pinned = this.pinned === row ? null : row;
    this.refocus();
  }

  refocus() {
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = requestAnimationFrame(() => {
      if (!this.plot.data || !this.weights) return;
      Plotly.relayout(this.plot, { shapes: curtains(this.focus, this.weights) });
      this.showFocus();
    });
  }

  /** Dims the text and says in words how the row in focus attends; without one, what the head does. */
  showFocus() {
    const { answer, chosen, head, focus: row } = this;
    const weights = row === null ? [] : rowOf(chosen, row);
    this.dimText(row, weights, hueOf(answer.figure, head));
    tell(
      this.words,
      row === null
        ? headWords(head, answer.summaries[this.layer][head])
        : rowWords(answer.tokens, row, strongest(chosen, row, 3), weights, answer.columns),
    );
  }

  dimText(row, weights, hue) {
    this.strip.dim(row, weights, hue);
  }
}
