// The order, the filters and the columns of the list of runs in the address of the page.
import { join } from "../page/link.js";
import { COLUMNS } from "./words.js";

export const USUAL = { key: "when", down: true }; // the newest first

/** "best", or "-best" for the largest first; null for the usual order. */
export const orderTold = ({ key, down }) =>
  key === USUAL.key && down === USUAL.down ? null : `${down ? "-" : ""}${key}`;

/** The order {key, down} of such words; null if there is no such column. */
export function orderOf(words) {
  const key = words.replace(/^-/, "");
  return COLUMNS.some((column) => column.key === key) ? { key, down: words.startsWith("-") } : null;
}

/** Joins a RunsList to the address. */
export function linkList(list) {
  const told = () => ({
    sort: orderTold(list.order),
    only_model: list.chosen.model,
    only_text: list.chosen.text,
    columns: list.table.classList.contains("all") ? "all" : null,
  });
  join("runs", ["sort", "only_model", "only_text", "columns"], told, (asked) => {
    list.order = orderOf(asked.sort ?? "") ?? list.order;
    list.chosen = { model: asked.only_model ?? "", text: asked.only_text ?? "" };
    if (asked.columns === "all") list.showAll(true);
  });
}
