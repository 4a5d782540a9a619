// The views of the card with the inside of the model: their names, and the picture that draws each.
//
// A picture has `node`, `show(answer)` and `fit()`; it draws an answer of `look` and asks for nothing itself.
import { AttentionPicture } from "./attention_picture.js";
import { LayersPicture } from "./layers_picture.js";
import { NextPicture } from "./next_picture.js";
import { ScorePicture } from "./score_picture.js";
import { SurprisePicture } from "./surprise_picture.js";

export const VIEWS = {
  attention: ["Attention", "Each row: what one position looks at"],
  score: ["One score", "How one cell of the attention comes about"],
  next: ["Next", "Next token: what may follow the text in the box"],
  surprise: ["Surprise", "The loss, token by token"],
  layers: ["Layers", "Layer by layer: what each layer would already say"],
  table: ["Table", "What follows each token: learned and counted"],
};

/** The picture of a view. key: the rung's name; heads: `HeadsOff`; ask(cell): opens One score at a cell. */
export function pictureOf(view, { key, heads, ask }) {
  if (view === "score") return new ScorePicture({ ask });
  if (view === "next") return new NextPicture({ key });
  if (view === "surprise") return new SurprisePicture();
  if (view === "layers") return new LayersPicture();
  return new AttentionPicture({
    openCell: ask,
    toggle: (head) => heads.toggle(head),
    isOff: (layer, head) => heads.has(layer, head),
  });
}
