// A step of the merges: the pieces of the sentence, the pair that is joined next, and the counts of all pairs.
import { make, scrolling } from "../basics/dom.js";
import { whole } from "../basics/wording.js";
import { fillPiece, pieceNode } from "./piece.js";
import { changes, placesOf } from "./words.js";

const BAR_PX = 90;

export class MergesPicture {
  constructor() {
    this.words = scrolling("merge-words", "The sentence in pieces");
    this.pairs = scrolling("merge-pairs", "Pairs of neighbours and their counts");
    this.nodes = [this.words, this.pairs];
  }

  /** Draws step `at` of an answer of the server (`playground/cutting/player.py`). */
  show({ steps, ids }, at) {
    const step = steps[at];
    const made = at > 0 ? steps[at - 1].made : null;
    const numbers = at === steps.length - 1 ? (ids ?? []) : []; // of the pieces, once they are tokens
    let place = 0;
    this.words.replaceChildren(
      ...step.pieces.map((row) => {
        const word = make("span", "merge-word");
        const next = placesOf(row, step.joined);
        row.forEach((token, index) => {
          const node = pieceNode("merge-token", token);
          if (token === made) node.classList.add("made");
          if (next.includes(index)) node.classList.add("next", "first");
          if (next.includes(index - 1)) node.classList.add("next", "second");
          if (numbers.length) node.append(make("sub", "lattice-score", ` ${numbers[place]}`));
          place += 1;
          word.append(node);
        });
        return word;
      }),
    );
    this.showPairs(step, at > 0 ? steps[at - 1].pairs : null);
  }

  showPairs({ pairs, joined, different }, before) {
    const ranked = pairs.some(([, , , rank]) => rank !== null);
    const table = make("table");
    const more = different > pairs.length ? `, ${pairs.length} of ${whole(different)}` : "";
    const title = ranked ? `Pairs, the one learned first on top${more}` : `Pairs and their counts${more}`;
    table.append(make("caption", "", pairs.length ? title : "No pair is left."));
    const most = Math.max(1, ...pairs.map(([, , count]) => count));
    const changed = changes(pairs, before);
    const body = make("tbody");
    pairs.forEach(([a, b, count, rank], index) => {
      const row = make("tr", joined && a === joined[0] && b === joined[1] ? "next" : "");
      const pair = fillPiece(make("td", "pair"), a);
      pair.append(" + ");
      fillPiece(pair, b);
      const bar = make("span", "merge-bar");
      bar.style.width = `${(BAR_PX * count) / most}px`;
      const counted = make("td");
      counted.append(bar, whole(count));
      if (changed[index]) counted.append(make("span", "merge-change", `${changed[index] > 0 ? "+" : "−"}${Math.abs(changed[index])}`));
      row.append(pair);
      if (ranked) row.append(make("td", "rank", rank === null ? "never learned" : `merge ${whole(rank + 1)}`));
      row.append(counted);
      body.append(row);
    });
    table.append(body);
    this.pairs.replaceChildren(table);
  }
}
