// One row of the list of runs: its tick, its columns, and its name and note, which are changed in place.
import { button, make } from "../basics/dom.js";
import { LIVE } from "../tab/feed.js";
import { COLUMNS, detailOf, fullName, labelOf } from "./words.js";

const EDITED = { what: "name", note: "note" }; // the columns that a person writes, by the field of the run
const MOST = { name: 80, note: 2000 }; // characters; the server decides

export class RunRow {
  /** list: the RunsList, which hears of a tick (`tick`), of words (`rename`) and of keys. */
  constructor(list, run) {
    this.list = list;
    this.token = run.run;
    this.node = make("tr", "runs-row");
    this.node.dataset.run = this.token;
    this.tick = make("input", "runs-tick");
    this.tick.type = "checkbox";
    this.tick.addEventListener("change", () => list.tick(this.token, this.tick.checked));
    this.cells = new Map();
    const first = make("td");
    first.append(this.tick);
    this.node.append(first);
    for (const column of COLUMNS) {
      const cell = make("td", column.number ? "number" : "");
      cell.dataset.column = column.key;
      if (column.more) cell.classList.add("more");
      cell.append(make("span", "runs-text"));
      if (EDITED[column.key]) cell.append(this.pencil(cell, EDITED[column.key]));
      this.cells.set(column.key, cell);
      this.node.append(cell);
    }
    this.node.addEventListener("click", ({ target }) => {
      if (!target.closest("button, input, textarea")) this.tick.click();
    });
    this.node.addEventListener("dblclick", ({ target }) => {
      const column = target.closest("td")?.dataset.column;
      if (EDITED[column] && this.run.changeable) this.edit(this.cells.get(column), EDITED[column]);
    });
    this.show(run);
  }

  pencil(cell, field) {
    const node = button("✎", "runs-pencil", "", () => this.edit(cell, field));
    node.dataset.field = field;
    return node;
  }

  /** Shows what is known of the run now; only what has changed is written. */
  show(run) {
    this.run = run;
    for (const { key, text } of COLUMNS) {
      const [cell, words] = [this.cells.get(key), text(run)];
      const place = cell.querySelector(".runs-text");
      if (place.textContent !== words) place.textContent = words;
      if (["model", "what", "note"].includes(key)) cell.title = words;
      for (const pencil of cell.querySelectorAll(".runs-pencil")) {
        pencil.hidden = !run.changeable;
        pencil.title = `${pencil.dataset.field === "name" ? "Rename" : "Write a note on"} ${labelOf(run)}`;
        pencil.setAttribute("aria-label", pencil.title);
      }
    }
    this.node.classList.toggle("live", LIVE.has(run.status));
    this.node.classList.toggle("named", Boolean(run.name));
    this.tick.setAttribute("aria-label", `Draw ${fullName(run)}`);
    this.node.setAttribute("aria-description", detailOf(run));
  }

  /** place: among the colours, or undefined. */
  showTick(place) {
    this.tick.checked = place !== undefined;
    this.node.classList.toggle("ticked", place !== undefined);
    this.node.style.setProperty("--run", place === undefined ? "" : `var(--chart-run-${place})`);
  }

  /** Only one row of the list is reached with Tab; arrow keys go to the others. */
  reachable(on) {
    for (const node of this.node.querySelectorAll("input, button")) node.tabIndex = on ? 0 : -1;
  }

  rename() {
    if (this.run.changeable) this.edit(this.cells.get("what"), "name");
    else this.list.say(`${labelOf(this.run)} is included, or trained by somebody else: it keeps its name.`);
  }

  /** A field in place of the words; Enter or leaving it keeps what was written, Escape does not. */
  edit(cell, field) {
    if (cell.querySelector(".runs-edit")) return;
    const input = make(field === "note" ? "textarea" : "input", "runs-edit");
    input.value = this.run[field];
    input.setAttribute("aria-label", `${field === "name" ? "Name" : "Note"} of ${fullName(this.run)}`);
    input.setAttribute("aria-description", `At most ${MOST[field]} characters`);
    if (field === "name") input.placeholder = labelOf({ ...this.run, name: "" });
    cell.classList.add("editing");
    cell.append(input);
    input.focus();
    input.select();
    let open = true;
    const close = (keep) => {
      if (!open) return;
      open = false;
      const within = document.activeElement === input;
      input.remove();
      cell.classList.remove("editing");
      if (within) this.tick.focus();
      if (keep && input.value.trim() !== this.run[field]) this.list.rename(this.token, field, input.value);
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation(); // arrow keys and Delete are the field's
      if (event.key === "Escape") close(false);
      else if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        close(true);
      }
    });
    input.addEventListener("blur", () => close(true));
  }
}
