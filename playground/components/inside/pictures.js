// The views of the card with the inside of the model: their names, and the picture that draws each.
//
// A picture has `node`, `show(answer)` and `fit()`; it draws an answer of `look` and asks for nothing itself.
import { AttentionPicture } from "./attention_picture.js";
import { BeamsPicture } from "../pairs/beams_picture.js";
import { LayersPicture } from "./layers_picture.js";
import { LinesPicture } from "../pairs/lines_picture.js";
import { MasksPicture } from "../pairs/masks_picture.js";
import { NextPicture } from "./next_picture.js";
import { PairPicture } from "../pairs/pair_picture.js";
import { PastPicture } from "./past_picture.js";
import { ScorePicture } from "./score_picture.js";
import { SurprisePicture } from "./surprise_picture.js";

export const VIEWS = {
  attention: ["Attention", "Each row: what one position looks at"],
  score: ["One score", "How one cell of the attention comes about"],
  next: ["Next", "Next token: what may follow the text in the box"],
  surprise: ["Surprise", "The loss, token by token"],
  layers: ["Layers", "Layer by layer: what each layer would already say"],
  past: ["Past", "Loss by position in the context: is the far past of use?"],
  table: ["Table", "What follows each token, beside what was counted"],
  lines: ["Lines", "Cross-attention as lines between the line that was read and the answer"],
  cross: ["Cross", "Cross-attention: what each position of the answer looks at in the line"],
  encoder: ["Encoder", "What each position of the line looks at in the line"],
  decoder: ["Decoder", "What each position of the answer looks at in the answer so far"],
  masks: ["Masks", "Who may look where: the three masks side by side"],
  beams: ["Beams", "The likeliest answers that a search finds"],
};

/** The picture of a view. key: the rung's name; heads: `HeadsOff`; ask(cell): opens One score at a cell.
 *
 * again(): asks the server once more. */
export function pictureOf(view, { key, heads, ask, again }) {
  if (view === "score") return new ScorePicture({ ask });
  if (view === "next") return new NextPicture({ key });
  if (view === "surprise") return new SurprisePicture();
  if (view === "layers") return new LayersPicture();
  if (view === "past") return new PastPicture({ again });
  if (view === "masks") return new MasksPicture();
  if (view === "beams") return new BeamsPicture();
  const part = { lines: "cross", cross: "cross", encoder: "encoder", decoder: "decoder" }[view];
  if (part) {
    const kind = view === "lines" ? LinesPicture : PairPicture;
    return new kind({
      toggle: (head) => heads.toggle([part, ...head]),
      isOff: (layer, head) => heads.has(part, layer, head),
    });
  }
  return new AttentionPicture({
    openCell: ask,
    toggle: (head) => heads.toggle(head),
    isOff: (layer, head) => heads.has(layer, head),
  });
}
