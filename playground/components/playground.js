// The module that the page loads: what its components and its Gradio events call.
//
// Each component imports it as "playground" and calls the function of its part when it mounts; the
// events call `window.Playground`. The parts of a rung's tab find one another by the rung's name
// (tab.js). Text that a model or a visitor wrote only ever becomes the `textContent` of a node: it
// can never turn into markup.
import { watchTheme } from "./appearance.js";
import { Board } from "./board.js";
import { textChosen, textLinked } from "./chosen_text.js";
import { diary } from "./diary.js";
import { estimate } from "./estimate.js";
import { applyFocus } from "./focus.js";
import { GuideStrip, afterDoing, doing } from "./guide.js";
import { headerTools } from "./header.js";
import { InsideView } from "./inside_view.js";
import { watchKeyboard } from "./keyboard.js";
import { keepAlive, ladderNotes } from "./ladder.js";
import { linkRead } from "./link.js";
import { LossChart } from "./loss_chart.js";
import { opened, opening } from "./opening.js";
import { keepSmall } from "./own_text.js";
import { watchPresenting } from "./presenting.js";
import { settingsFold } from "./settings_fold.js";
import { RunsTab, runsCounted, textsAsked } from "./runs.js";
import { Start } from "./start.js";
import { runFeed } from "./status_strip.js";
import { askToWrite, begin, changeRate, choose, live, tab } from "./tab.js";
import { keepTypedNumbers } from "./typed_numbers.js";
import { asWritten, writing } from "./writing.js";

const liveFigure = (...mounted) => new LossChart(...mounted);
const board = (...mounted) => new Board(...mounted);
const runs = (...mounted) => new RunsTab(...mounted);
const start = (...mounted) => new Start(...mounted);
const guide = (...mounted) => new GuideStrip(...mounted);
const insideView = (...mounted) => new InsideView(...mounted);

export {
  board,
  diary,
  estimate,
  guide,
  headerTools,
  insideView,
  ladderNotes,
  liveFigure,
  opening,
  runFeed,
  runs,
  settingsFold,
  start,
  writing,
};

window.Playground = {
  afterDoing,
  asWritten,
  askToWrite,
  begin,
  changeRate,
  choose,
  doing,
  keepAlive,
  keepSmall,
  linkRead,
  live,
  opened,
  runsCounted,
  tab,
  textChosen,
  textLinked,
  textsAsked,
};

watchTheme();
applyFocus();
watchPresenting();
watchKeyboard();
keepTypedNumbers();
