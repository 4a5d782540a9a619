// A heatmap by keyboard, and in words: arrow keys go through its rows and cells, and each is read out.
import { unpack } from "./attention_weights.js";
import { showTip } from "../basics/tooltip.js";
import { shown } from "../basics/wording.js";

const TOLD = 3; // cells of a row, the strongest first

/** The rows of a trace's `z`, numbers or null; plotly sends a large table as base64 of float32. */
function rowsOf(z) {
  if (!z?.bdata) return z ?? [];
  const numbers = new Float32Array(unpack(z.bdata).buffer);
  const [height, width] = String(z.shape).split(",").map(Number);
  return Array.from({ length: height }, (_, row) => [...numbers.subarray(row * width, (row + 1) * width)]);
}

/** The places of the largest numbers of a row, at most `count`, the largest first. */
export function largest(row, count) {
  const places = [...row.keys()].filter((place) => row[place] !== null);
  return places.sort((a, b) => row[b] - row[a]).slice(0, count);
}

/** A row in words: its strongest cells, each with its number; labels: of the rows, and of the columns. */
export function rowInWords(labels, row, numbers, columns = labels) {
  const cells = largest(numbers, TOLD).map((at) => `“${shown(columns[at])}” ${numbers[at].toFixed(2)}`);
  return `“${shown(labels[row])}” at ${row + 1}: ${cells.join(", ")}`;
}

/** All rows in one text, each with its strongest cell, for a reader who sees no colours. */
export function allInWords(labels, rows, columns = labels) {
  const told = rows.map((numbers, row) => {
    const [at] = largest(numbers, 1);
    return at === undefined ? "" : `${shown(labels[row])}: ${shown(columns[at])} ${numbers[at].toFixed(2)}`;
  });
  return told.filter(Boolean).join("; ");
}

/** What is drawn on the plot of a picture: {labels, columns, rows, words}; null before anything is. */
function read({ plot, weights, answer, words }) {
  const trace = plot.data?.[0];
  if (!trace || !answer) return null;
  const labels = weights ? answer.tokens : trace.y;
  const columns = (weights && answer.columns) || labels;
  return { labels, columns, rows: rowsOf(trace.z), words: words.textContent };
}

/** Makes the heatmap of an `AttentionPicture` answer to the keyboard; Enter opens the cell in focus.
 *
 * Returns a function that writes the text alternative; to be called after each drawing. */
export function heatMapKeys(picture) {
  const { plot } = picture;
  let [row, column] = [-1, null];
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-roledescription", "heatmap");
  const point = (at) => picture.weights && picture.point(at);
  const tell = ({ labels, columns, rows }) => {
    const numbers = rows[row];
    point(row);
    showTip(plot, plot, (tip) => {
      const value = column === null ? null : numbers[column];
      const cell = value === null ? "not allowed" : value?.toFixed(3);
      tip.textContent =
        column === null
          ? rowInWords(labels, row, numbers, columns)
          : `“${shown(labels[row])}” at ${row + 1}, “${shown(columns[column])}” at ${column + 1}: ${cell}`;
    });
  };
  plot.addEventListener("keydown", (event) => {
    const figure = read(picture);
    if (!figure) return;
    const last = figure.rows.length - 1;
    const end = figure.columns.length - 1;
    const within = (place, most = last) => Math.max(0, Math.min(most, place));
    const moves = {
      ArrowUp: () => (row = within(row < 0 ? last : row - 1)),
      ArrowDown: () => (row = within(row + 1)),
      ArrowLeft: () => (column = within((column ?? end + 1) - 1, end)),
      ArrowRight: () => (column = within((column ?? -1) + 1, end)),
      Home: () => ([row, column] = [0, null]),
      End: () => ([row, column] = [last, null]),
    };
    if (event.key === "Enter" && row >= 0) {
      if (!picture.weights) return;
      picture.openCell([picture.layer, picture.head, row, column ?? largest(figure.rows[row], 1)[0]]);
    } else if (event.key in moves) {
      moves[event.key]();
      row = within(row);
      tell(figure);
    } else {
      return;
    }
    event.preventDefault();
  });
  plot.addEventListener("blur", () => {
    [row, column] = [-1, null];
    point(null);
  });
  return () => {
    const figure = read(picture);
    if (!figure) return;
    const { labels, columns, rows, words } = figure;
    plot.setAttribute("aria-label", `${words} Arrow keys read its rows. ${allInWords(labels, rows, columns)}`);
  };
}
