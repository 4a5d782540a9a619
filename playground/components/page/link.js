// The address of the page: it holds what the open tab shows, so that whoever opens it sees the same.
// Parts join with a way to tell their state and a way to take it. A place is the tab on which a part stands: a
// model's name, "start", "tokens", "runs" or "board"; null: the whole page. What is as usual is left out of the address, and
// parameters that no part knows stay in it.
import { debounce } from "../basics/dom.js";
import { inTab } from "../basics/storage.js";

const WRITE_MS = 400; // browsers refuse more than about three changes of the address a second
const LONGEST = 1500; // bytes of a text in the address: servers refuse very long ones
const PLACES = ["start", "tokens", "runs", "board"]; // all others are models
const WRITTEN = "playground-link"; // the query that this page wrote last

/** The parameters of a query by name; of a name that is given twice, the first counts. */
export const parametersOf = (search) => new Map([...new URLSearchParams(search)].reverse());

/** The place that a link names. */
export function placeOf(given) {
  const tab = given.get("tab");
  return given.get("model") ?? (PLACES.includes(tab) ? tab : "start");
}

/** The parameters [[name, text], ...] of an open place; given: of the link with which the page was opened.
 *
 * parts: [{place, names, tell}]. tell() is null while a part has nothing to tell: what the link gave stays. */
export function queryOf(given, parts, place) {
  const query = new Map();
  if (!PLACES.includes(place)) query.set("model", place);
  else if (place !== "start") query.set("tab", place);
  const left = new Map(given);
  for (const name of ["model", "tab"]) left.delete(name);
  const there = place === placeOf(given);
  for (const part of parts) {
    const here = part.place === null || part.place === place;
    const told = here ? part.tell() : null;
    for (const [name, text] of Object.entries(told ?? {})) {
      if (text !== null && text !== undefined && text !== "") query.set(name, String(text));
    }
    if (told || !there) for (const name of part.names) left.delete(name);
  }
  for (const [name, text] of left) if (!query.has(name)) query.set(name, text);
  return [...query];
}

const address = () => globalThis.location?.search ?? ""; // there is none in the tests of node
const given = parametersOf(address());
const parts = new Map();
let open = null; // the place that is open; null: not known yet
let read = false; // the page shows what the link asked for, and may write it anew

/** Whether this tab of the browser wrote the address itself: it was loaded again, or gone back to. */
export const reloaded = inTab.text(WRITTEN) === address();

/** Something that the address tells may have changed. */
export const moved = debounce(() => write(), WRITE_MS);

/** Adds a part: names of its parameters; tell(): {name: text, null if as usual}, or null for nothing to tell yet.
 *
 * take({name: text}) is called now if the link gives some of them to this place. */
export function join(place, names, tell, take = () => {}) {
  parts.set(`${place} ${names}`, { place, names, tell });
  const mine = names.filter((name) => given.has(name));
  if (mine.length && (place === null || place === placeOf(given))) {
    take(Object.fromEntries(mine.map((name) => [name, given.get(name)])));
  }
  moved();
}

/** A tab was opened, or is the first one; id: of its button. */
export function placeOpened(id) {
  open = id.replace(/^rung-/, "").replace(/-button$/, "");
  moved();
}

/** Whether the page still opens: what the link asked for is not all there. */
export const opens = () => !read;

const waiting = []; // acts that wait until the link is read

/** Calls act() soon after the tabs show the runs that the link asked for. */
export function whenRead(act) {
  if (read) Promise.resolve().then(act);
  else waiting.push(act);
}

/** The page shows now what the link asked for, as far as it can. */
export function linkRead() {
  read = true;
  for (const act of waiting.splice(0)) act();
  moved();
}

/** Writes the address now. */
export function write() {
  if (!read || open === null) return;
  const query = new URLSearchParams(queryOf(given, parts.values(), open)).toString();
  const search = query ? `?${query}` : "";
  try {
    const { history } = window;
    if (search !== location.search) history.replaceState(history.state, "", location.pathname + search + location.hash);
  } catch {
    return; // too many changes at once: the next change is written again
  }
  inTab.keepText(WRITTEN, search);
}

/** The link to this page as it is set. base: the address of the page that a visitor opens, if it is not this one's. */
export function shared(base) {
  write();
  const query = new URLSearchParams(location.search);
  for (const name of [...query.keys()]) if (name.startsWith("__")) query.delete(name); // those of a Space's frame
  const text = query.toString();
  return `${base || location.origin + location.pathname}${text ? `?${text}` : ""}`;
}

/** A text for the address, or null if it is the usual one or too long. */
export const unlessLong = (text, usual) =>
  text === usual || new URLSearchParams([["", text]]).toString().length > LONGEST ? null : text;

/** The tokens of runs that others can open, too, in one parameter. */
export const openable = (runs) => runs.filter((run) => /^(shipped|local):/.test(run)).join(",");

/** The tokens in such a parameter. */
export const tokensIn = (text) => text.split(",").filter((run) => /^(shipped|local):/.test(run));
