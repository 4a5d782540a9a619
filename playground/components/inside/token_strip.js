// The text under the attention heatmap: redder where the next token surprised the model, and dimmed
// where the token in focus does not attend.
import { arcsOf, drawArcs } from "./arcs.js";
import { make } from "../basics/dom.js";
import { tooltip } from "../basics/tooltip.js";
import { shown, surprise } from "../basics/wording.js";

const SVG = "http://www.w3.org/2000/svg"; // the name of a language, no address
const MAX_SURPRISE = 5; // nats; above it the colour does not change

export class TokenStrip {
  /** point(row or null) and pin(row) are called when a token is pointed at, and clicked. */
  constructor({ point, pin }) {
    this.losses = [];
    this.text = make("div", "token-text");
    this.arcs = document.createElementNS(SVG, "svg");
    this.arcs.setAttribute("class", "token-arcs");
    this.arcs.setAttribute("aria-hidden", "true");
    this.node = make("div", "token-strip");
    this.node.append(this.arcs, this.text);
    this.node.setAttribute("role", "group");
    this.node.setAttribute(
      "aria-label",
      "The text, redder where a token surprised the model; arrow keys go through it",
    );
    const rowOf = (event) => event.target.closest(".token")?.dataset.index;
    const listen = (kind, act) =>
      this.node.addEventListener(kind, (event) => {
        const row = rowOf(event);
        if (row !== undefined) act(Number(row));
      });
    listen("pointerover", point);
    listen("click", pin);
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || this.row === undefined) return;
      pin(this.row);
      event.preventDefault();
    });
    this.node.addEventListener("pointerleave", () => point(null));
    // Arrow keys go from token to token, Enter pins one.
    const reach = (token) => {
      this.row = token ? Number(token.dataset.index) : undefined;
      point(this.row ?? null);
    };
    tooltip(
      this.node,
      ".token",
      (tip, token) => {
        const loss = this.losses[Number(token.dataset.index)];
        tip.append(make("b", "", `“${shown(token.textContent)}”`), ` ${surprise(loss)}`);
      },
      reach,
    );
  }

  /** losses: in nats, one for each token; null where there is none. */
  show(tokens, losses) {
    this.losses = losses ?? [];
    this.row = undefined; // where the arrow keys are
    this.text.replaceChildren(
      ...tokens.map((token, index) => {
        const node = make("span", "token", token === "\n" ? "↵" : token);
        node.dataset.index = index;
        const loss = this.losses[index];
        const share = Number.isFinite(loss) ? Math.min(loss / MAX_SURPRISE, 1) : 0;
        node.style.setProperty("--surprise-share", `${Math.round(100 * share)}%`);
        return node;
      }),
    );
  }

  /** Dims each token by the weight that `row` gives it (0 to 1, or null), and draws arcs to those it takes
   * most from, in colour `hue`; row null dims none. */
  dim(row, weights, hue) {
    const nodes = [...this.text.children];
    drawArcs(this.arcs, nodes, arcsOf(row, weights), hue);
    nodes.forEach((node, index) => {
      node.classList.toggle("looks", index === row);
      const bright = row === null || index === row;
      node.style.opacity = bright ? "" : 0.25 + 0.75 * (weights[index] ?? 0);
    });
  }
}
