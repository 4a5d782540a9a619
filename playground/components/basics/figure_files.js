// The menu of a chart that takes it away as a file: its numbers as CSV, where it has them, and its picture.
import { colour } from "../page/appearance.js";
import { button, make } from "./dom.js";

const SCALE = { png: 2, svg: 1 }; // pixels of the file for one of the page

/** A menu with PNG and SVG, and first CSV if csv() tells its text, perhaps later.
 *
 * plot(): the node of the chart; name(): of the files, without their ends; named(trace): its name in the legend of
 * the picture, if the page writes the names beside the chart; "" for none. */
export function figureFiles({ plot, name, csv = null, named = null }) {
  const menu = make("details", "runs-export figure-files");
  const open = make("summary", "pill-button", "save ▾");
  open.title = "Save this chart as a file";
  const list = make("ul");
  const add = (label, title, act) => {
    const item = make("li");
    item.append(
      button(label, "link-button", title, () => {
        menu.open = false;
        act();
      }),
    );
    list.append(item);
  };
  if (csv) add("CSV", "Download these points", async () => saveText(`${name()}.csv`, await csv()));
  for (const format of ["png", "svg"]) {
    add(format.toUpperCase(), `Download this chart as ${format.toUpperCase()}`, () => savePicture(plot(), name(), format, named));
  }
  menu.append(open, list);
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    menu.open = false;
    open.focus();
  });
  document.addEventListener("click", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
  return menu;
}

/** What plotly is given to draw: on the page a chart has no background, in a file it has that of its card. */
export function pictureOf({ data, layout, clientWidth: width, clientHeight: height }, named = null) {
  const paper = colour("card");
  const background = { paper_bgcolor: paper, plot_bgcolor: paper };
  if (!named) return { figure: { data, layout: { ...layout, ...background } }, width, height };
  const traces = data.map((trace) => ({ ...trace, name: named(trace), showlegend: Boolean(named(trace)) }));
  const legend = { orientation: "h", y: -0.12, yanchor: "top" };
  const shown = { ...layout, ...background, showlegend: true, legend, margin: { ...layout.margin, b: 70 } };
  return { figure: { data: traces, layout: shown }, width, height: height + 40 };
}

function savePicture(plot, filename, format, named) {
  if (!plot?.data) return; // nothing is drawn yet
  const { figure, width, height } = pictureOf(plot, named);
  Plotly.downloadImage(figure, { format, filename, width, height, scale: SCALE[format] });
}

function saveText(name, text) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
