// Imports and exports under way (playground/exchange/routes.py): begun, followed until they end, and fetched.
import { NO_ANSWER } from "../basics/calls.js";
import { make } from "../basics/dom.js";

const ADDRESS = "./exchange";
const LOOK_MS = 400; // between two looks at a job
const MISSED = 10; // looks without an answer until it is given up

const tooLarge = (name, size) =>
  `${name} has ${(size / 1e6).toFixed(1)} MB, and a proxy before the server takes in no file of that size.`;

/** Calls a route; resolves to its answer, always one with {error} if there is none. name, size: of a file sent. */
export async function called(address, options, { name = "", size = 0 } = {}) {
  try {
    const answer = await window.fetch(address, options);
    const told = await answer.json().catch(() => (answer.status === 413 && name ? { error: tooLarge(name, size) } : {}));
    return told.detail ? { error: told.detail } : { error: Object.keys(told).length ? undefined : NO_ANSWER, ...told };
  } catch {
    return { error: NO_ANSWER };
  }
}

/** Begins an import or export; resolves to {job} or {error}. */
export const begun = (asked) =>
  called(ADDRESS, { method: "POST", body: JSON.stringify(asked), headers: { "Content-Type": "application/json" } });

/** Sends the files of a model, one after the other; resolves to {job} or {error}. tell: as of `ended`. */
export async function filesSent(files, tell) {
  let job = "";
  for (const [index, file] of files.entries()) {
    tell(`Sending ${file.name}`, index / files.length);
    const query = new URLSearchParams({ name: file.name, job });
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await called(`${ADDRESS}/files?${query}`, { method: "POST", body: file, headers }, file);
    if (answer.error) return answer;
    ({ job } = answer);
  }
  return { job };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Follows a job until it ends; resolves to its answer. tell(sentence, share or null): called as it goes on. */
export async function ended({ job, error }, tell, look = LOOK_MS) {
  if (error) return { error };
  for (let missed = 0; missed < MISSED; await wait(look)) {
    const told = await called(`${ADDRESS}/job?${new URLSearchParams({ key: job })}`);
    if (told.error === NO_ANSWER) missed += 1;
    else if (told.said === undefined) return told;
    else {
      missed = 0;
      tell(told.said, told.share);
    }
  }
  return { error: NO_ANSWER };
}

/** Lets the browser save what an export has made; it can be fetched once. */
export function fetched({ file, name }) {
  const link = make("a");
  link.href = `${ADDRESS}/made?${new URLSearchParams({ key: file })}`;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** A sentence with a bar, for the progress of a job; `tell` and `say` write it. */
export class Progress {
  constructor() {
    this.node = make("div", "exchange-progress");
    this.words = make("p", "exchange-said");
    this.words.setAttribute("role", "status");
    this.bar = make("progress");
    this.node.append(this.words, this.bar);
    this.say("");
  }

  /** While it goes on; share: of the work done, or null. */
  tell(sentence, share = null) {
    this.words.textContent = `${sentence} …`;
    this.words.classList.remove("problem"); // of a job before
    this.bar.hidden = false;
    if (Number.isFinite(share)) this.bar.value = share;
    else this.bar.removeAttribute("value");
  }

  /** In the end; "" takes it away. */
  say(sentence, problem = false) {
    this.words.textContent = sentence;
    this.words.classList.toggle("problem", problem);
    this.bar.hidden = true;
  }
}
