// Pieces in words and in drawable parts: white space and control characters made visible, bytes told as bytes.
import { shown, whole } from "../basics/wording.js";

const BYTE = /(<0x[0-9A-F]{2}>)/; // a byte of a character that is cut apart; no whole piece has this text
const PICTURES = 0x2400; // where Unicode's pictures of the control characters begin
const UNSEEN = /^[\p{Cf}\p{Mn}\u007f]$/u; // a single one takes no room, as the joiner in some emoji

/** A text with its white space and its control characters made visible. */
export const visible = (text) =>
  Array.from(shown(text), (one) => (one < " " ? String.fromCodePoint(PICTURES + one.codePointAt(0)) : one)).join("");

/** A piece as [[text, kind], ...] to draw: kind "byte" for E2 of <0xE2>, "white" for white space, "" for others. */
export function partsOf(piece) {
  if (UNSEEN.test(piece)) return [[`U+${piece.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`, "byte"]];
  const parts = piece.split(BYTE).filter(Boolean);
  return parts.flatMap((part) => {
    if (BYTE.test(part)) return [[part.slice(3, 5), "byte"]];
    const runs = part.match(/\s+|\S+/g) ?? [];
    return runs.map((run) => [visible(run), /\s/.test(run) ? "white" : ""]);
  });
}

/** The characters that the pieces stand for or are part of. */
export const characters = (text) => Array.from(text);

const times = (count) => `${whole(count)} ${count === 1 ? "time" : "times"}`;

/** A piece of a pane in words, [name, what is known of it]; letters: the characters of the text. */
export function pieceWords([id, text, start, end, isWhole, here, learned], letters) {
  const part = letters.slice(start, end).join("");
  if (id === null) return [`“${visible(text)}”`, `has no token: it does not stand in the text to learn from; ${times(here)} here`];
  const counted = `${learned ? times(learned) : "never"} in the training text, ${whole(here)} here`;
  if (!isWhole) {
    const bytes = partsOf(text).map(([one, kind]) => (kind === "byte" ? one : `“${one}”`));
    return [bytes.join(" "), `id ${id} · part of “${visible(part)}”, whose bytes are cut apart · ${counted}`];
  }
  const length = end - start;
  return [`“${visible(text)}”`, `id ${id} · ${length} character${length === 1 ? "" : "s"} · ${counted}`];
}

/** The numbers of the pieces that stand for one of the characters [start, end). */
export const overlapping = (pieces, start, end) =>
  [...pieces.keys()].filter((index) => pieces[index][2] < end && pieces[index][3] > start);

/** A text for the server: its first characters, and how many it has. */
export function beginning(text, most) {
  const letters = characters(text.slice(0, 2 * most)); // enough: a character is one or two units of a string
  const length = text.length <= 2 * most ? letters.length : lengthOf(text);
  return { text: letters.slice(0, most).join(""), length };
}

function lengthOf(text) {
  let count = 0;
  for (const _ of text) count += 1; // eslint-disable-line no-unused-vars -- only counted
  return count;
}

/** Where the pair stands in a row of tokens, from left to right, as it is joined: the places of its first token. */
export function placesOf(row, pair) {
  const found = [];
  for (let at = 0; pair && at + 1 < row.length; at += 1) {
    if (row[at] !== pair[0] || row[at + 1] !== pair[1]) continue;
    found.push(at);
    at += 1;
  }
  return found;
}

/** How much the count of each pair differs from that of the step before: 0 if it was not listed there. */
export function changes(pairs, before) {
  const counts = new Map((before ?? []).map(([a, b, count]) => [`${a}\n${b}`, count]));
  return pairs.map(([a, b, count]) => count - (counts.get(`${a}\n${b}`) ?? count));
}

const size = ([start, end]) => end - start;

/** Rows for boxes [start, end) so that none overlaps another: the longest lie lowest. */
export function rowsFor(boxes) {
  const order = [...boxes.keys()].sort((a, b) => size(boxes[a]) - size(boxes[b]) || boxes[a][0] - boxes[b][0]);
  const ends = []; // of each row, the boxes that it has
  const rows = Array(boxes.length);
  for (const index of order) {
    const [start, end] = boxes[index];
    let row = ends.findIndex((taken) => taken.every(([from, to]) => end <= from || start >= to));
    if (row < 0) row = ends.push([]) - 1;
    ends[row].push([start, end]);
    rows[index] = row;
  }
  return rows;
}
