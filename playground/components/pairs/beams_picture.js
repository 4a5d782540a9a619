// Beams: the likeliest answers that a search finds, with their scores.
import { make } from "../basics/dom.js";
import { percent, shown } from "../basics/wording.js";

export class BeamsPicture {
  constructor() {
    this.node = make("div", "beams-picture");
    this.line = make("p", "figure-words");
    this.table = make("table", "beams-table");
    this.words = make("p", "figure-words");
    this.node.append(this.line, this.table, this.words);
  }

  show(answer) {
    this.line.replaceChildren("read: ", make("b", "", answer.line));
    const head = make("tr");
    for (const name of ["answer", "probability", "", "score"]) head.append(make("th", "", name));
    const rows = answer.beams.map((beam) => {
      const row = make("tr");
      const told = make("td", "beam-text", shown(beam.text) + (beam.ended ? "" : " …"));
      if (!beam.text) told.append(make("span", "beam-mark", "nothing: it ends at once"));
      const right = beam.text === answer.right;
      row.classList.toggle("right", right);
      if (right) told.append(make("span", "beam-mark", " ✓ right"));
      const track = make("td", "beam-track");
      const bar = make("span", "beam-bar");
      bar.style.width = `${100 * beam.probability}%`;
      track.append(bar);
      row.append(told, make("td", "beam-number", percent(beam.probability)), track, make("td", "beam-number", beam.score.toFixed(2)));
      return row;
    });
    this.table.replaceChildren(head, ...rows);
    this.words.textContent = beamsWords(answer);
  }

  fit() {}
}

/** What the search found, in sentences that hold for every outcome. */
export function beamsWords({ beams, greedy }) {
  const together = beams.reduce((sum, beam) => sum + beam.probability, 0);
  const count = beams.length;
  const found =
    `A score is the sum of the logarithms of the characters' probabilities, in nats. ` +
    `${count === 1 ? "This answer has" : `These ${count} have`} ${percent(together)} of all that it could write.`;
  const best = beams[0];
  if (greedy.text === best.text) return `${found} Taking the likeliest character at each step gives the first of them, too.`;
  return (
    `${found} Taking the likeliest character at each step gives “${shown(greedy.text)}”, with ${percent(greedy.probability)}: ` +
    (greedy.probability < best.probability ? "less likely than the first." : "no less likely than the first, which the search missed.")
  );
}
