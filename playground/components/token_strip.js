// The text under the attention heatmap: redder where the next token surprised the model, and dimmed
// where the token in focus does not attend.
import { make } from "./dom.js";
import { tooltip } from "./tooltip.js";
import { shown, surprise } from "./wording.js";

const MAX_SURPRISE = 5; // nats; above it the colour does not change

export class TokenStrip {
  /** point(row or null) and pin(row) are called when a token is pointed at, and clicked. */
  constructor({ point, pin }) {
    this.losses = [];
    this.node = make("div", "token-strip");
    this.node.setAttribute("aria-label", "the text, redder where a token surprised the model");
    const rowOf = (event) => event.target.closest(".token")?.dataset.index;
    const listen = (kind, act) =>
      this.node.addEventListener(kind, (event) => {
        const row = rowOf(event);
        if (row !== undefined) act(Number(row));
      });
    listen("pointerover", point);
    listen("click", pin);
    this.node.addEventListener("pointerleave", () => point(null));
    tooltip(this.node, ".token", (tip, token) => {
      const loss = this.losses[Number(token.dataset.index)];
      tip.append(make("b", "", `“${shown(token.textContent)}”`), ` ${surprise(loss)}`);
    });
  }

  /** losses: in nats, one for each token; null where there is none. */
  show(tokens, losses) {
    this.losses = losses ?? [];
    this.node.replaceChildren(
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

  /** Dims each token by the weight that `row` gives it (0 to 1, or null); row null dims none. */
  dim(row, weights) {
    [...this.node.children].forEach((node, index) => {
      node.classList.toggle("looks", index === row);
      const bright = row === null || index === row;
      node.style.opacity = bright ? "" : 0.25 + 0.75 * (weights[index] ?? 0);
    });
  }
}
