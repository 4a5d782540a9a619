// The picture in the attention view: thumbnails of the heads, one head large, the text coloured by
// surprise, and one position in focus.  It draws an answer of `look` and asks for nothing itself.
"use strict";

{
  const { make, button, press, isVisible } = Playground.parts.dom;
  const { shown } = Playground.parts.wording;
  const { PLOT_CONFIG, colour } = Playground.parts.appearance;
  const { tooltip } = Playground.parts.tooltip;
  const { hueOf, paintThumbnail, headFigure, tableFigure, fitAxes, curtains } =
    Playground.parts.heatMap;

  const MAX_SURPRISE = 5; // nats; the colour of a token stops growing there

  class AttentionPicture {
    /** frame: the node of the whole view, told when there is a single head. */
    constructor(frame) {
      this.frame = frame;
      this.answer = null;
      this.layer = this.head = 0;
      this.pinned = this.pointed = null;
      this.unseen = false; // was to be drawn while nobody could see it
      this.build();
      this.listenToTokens();
    }

    build() {
      this.layerPills = make("span", "pills");
      this.thumbs = make("div", "thumbs");
      this.words = make("p", "figure-words");
      const side = make("div", "attention-side");
      side.append(this.thumbs, this.words);
      this.plot = make("div", "plot");
      this.body = make("div", "attention-body");
      this.body.append(side, this.plot);
      this.strip = make("div", "token-strip");
      this.strip.setAttribute("aria-label", "the text, redder where the next character surprised");
    }

    listenToTokens() {
      tooltip(this.strip, ".token", (tip, token) => {
        const loss = this.answer?.losses?.[Number(token.dataset.index)];
        tip.append(make("b", "", `“${shown(token.textContent)}”`));
        const known = Number.isFinite(loss);
        const chance = known ? Math.exp(-loss) : 0;
        const percent = chance < 0.001 ? "under 0.1" : (100 * chance).toFixed(1);
        const text = known
          ? ` surprise ${loss.toFixed(2)} nats, probability ${percent} %`
          : " the first character: nothing predicts it";
        tip.append(text);
      });
      const point = (event, act) => {
        const token = event.target.closest(".token");
        if (token) act(Number(token.dataset.index));
      };
      this.strip.addEventListener("pointerover", (event) => point(event, (row) => this.point(row)));
      this.strip.addEventListener("pointerleave", () => this.point(null));
      this.strip.addEventListener("click", (event) => point(event, (row) => this.pin(row)));
    }

    /** Draws another answer; the layer, the head and the focus stay where it has them too. */
    show(answer) {
      this.answer = answer;
      if (answer.weights) {
        const bytes = atob(answer.weights);
        answer.bytes = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
        this.layer = Math.min(this.layer, answer.layers - 1);
        this.head = Math.min(this.head, answer.heads - 1);
        if (this.pinned !== null && this.pinned >= answer.tokens.length) this.pinned = null;
      }
      this.render();
    }

    render() {
      const { answer } = this;
      if (!answer) return;
      if (answer.kind === "table") return this.renderTable();
      this.renderPills();
      this.renderThumbs();
      this.renderStrip();
      this.renderHead();
    }

    renderPills() {
      const { layers } = this.answer;
      this.layerPills.hidden = layers < 2;
      if (this.layerPills.children.length !== layers) {
        this.layerPills.replaceChildren(
          ...Array.from({ length: layers }, (_, layer) =>
            button(layers > 6 ? `${layer + 1}` : `layer ${layer + 1}`, "pill-button", "", () => {
              this.layer = layer;
              this.render();
            }),
          ),
        );
      }
      [...this.layerPills.children].forEach((pill, layer) => press(pill, layer === this.layer));
    }

    /** One byte for each weight of a head, row after row. */
    weights(head) {
      const { tokens, heads, bytes } = this.answer;
      const size = tokens.length ** 2;
      const start = (this.layer * heads + head) * size;
      return bytes.subarray(start, start + size);
    }

    renderThumbs() {
      const { figure, heads, tokens } = this.answer;
      this.frame.classList.toggle("one-head", heads < 2);
      this.thumbs.classList.toggle("many", heads > 4);
      if (this.thumbs.children.length !== heads) {
        this.thumbs.replaceChildren(
          ...Array.from({ length: heads }, (_, head) => {
            const node = button("", "thumb", `head ${head + 1}`, () => {
              this.head = head;
              this.render();
            });
            node.setAttribute("aria-label", `head ${head + 1}`);
            node.append(make("canvas"));
            return node;
          }),
        );
      }
      [...this.thumbs.children].forEach((node, head) => {
        const hue = hueOf(figure, head);
        node.classList.toggle("on", head === this.head);
        node.setAttribute("aria-pressed", String(head === this.head));
        node.style.setProperty("--hue", hue);
        paintThumbnail(node.firstChild, this.weights(head), tokens.length, hue);
      });
    }

    renderStrip() {
      const { tokens, losses } = this.answer;
      this.strip.replaceChildren(
        ...tokens.map((token, index) => {
          const node = make("span", "token", token);
          if (token === "\n") node.textContent = "↵";
          node.dataset.index = index;
          const loss = losses?.[index];
          const surprise = Number.isFinite(loss) ? Math.min(loss / MAX_SURPRISE, 1) : 0;
          node.style.setProperty("--surprise-share", `${Math.round(100 * surprise)}%`);
          return node;
        }),
      );
      this.dim();
    }

    renderHead() {
      const { answer, head } = this;
      this.draw(headFigure(answer, this.weights(head), hueOf(answer.figure, head)));
      this.say();
    }

    renderTable() {
      const { figure, summary } = this.answer;
      this.words.textContent = summary ?? "";
      this.draw(tableFigure(figure));
    }

    draw({ data, layout }) {
      this.unseen = !isVisible(this.plot); // drawn when the tab is shown again
      if (this.unseen) return;
      const length = this.answer.tokens?.length;
      const axes = length ? fitAxes(layout, length, this.plot) : {};
      Plotly.react(
        this.plot,
        data,
        {
          ...layout,
          ...axes,
          autosize: true,
          dragmode: false,
          font: { color: colour("ink") },
          hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") } },
          shapes: curtains(this.focus, length),
        },
        PLOT_CONFIG,
      ).then(() => {
        if (this.listening || !length) return;
        this.listening = true;
        this.plot.on("plotly_hover", ({ points }) => this.point(points[0].pointIndex[0]));
        this.plot.on("plotly_unhover", () => this.point(null));
        this.plot.on("plotly_click", ({ points }) => this.pin(points[0].pointIndex[0]));
      });
    }

    fit() {
      if (!this.plot.data) return this.render();
      if (this.answer?.tokens) this.renderHead();
      Plotly.Plots.resize(this.plot);
    }

    // -- one position in focus, the others dimmed

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
        if (!this.plot.data || !this.answer?.tokens) return;
        Plotly.relayout(this.plot, { shapes: curtains(this.focus, this.answer.tokens.length) });
        this.dim();
        this.say();
      });
    }

    dim() {
      const row = this.focus;
      const length = this.answer.tokens.length;
      const weights = row === null ? null : this.weights(this.head).subarray(row * length);
      [...this.strip.children].forEach((node, index) => {
        node.classList.toggle("looks", index === row);
        const strength = weights && index <= row ? weights[index] / 255 : 0;
        node.style.opacity = row === null || index === row ? "" : 0.25 + 0.75 * strength;
      });
    }

    say() {
      const { answer, head, layer } = this;
      const row = this.focus;
      const name = make("b", "", `Head ${head + 1}`);
      if (row === null) {
        const text = answer.summaries?.[layer]?.[head] ?? "";
        this.words.replaceChildren(name, ` ${text.charAt(0).toLowerCase()}${text.slice(1)}`);
        return;
      }
      const { tokens } = answer;
      const weights = this.weights(head).subarray(row * tokens.length, row * tokens.length + row + 1);
      const top = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 3);
      const places = top.map((i) => `“${shown(tokens[i])}” ${(weights[i] / 255).toFixed(2)}`);
      const who = make("b", "", `“${shown(tokens[row])}” at ${row + 1}`);
      this.words.replaceChildren(who, ` looks at ${places.join(", ")}`);
    }
  }

  Playground.parts.attentionPicture = { AttentionPicture };
}
