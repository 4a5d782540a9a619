// The module that the page loads: what its components and its Gradio events call.
//
// Each component imports it as "playground" and calls the function of its part when it mounts; the
// events call `window.Playground`. The parts of a rung's tab find one another by the rung's name
// (tab.js). Text that a model or a visitor wrote only ever becomes the `textContent` of a node: it
// can never turn into markup.
import { watchTheme } from "./page/appearance.js";
import { Board } from "./runs/board.js";
import { pairsChosen, pairsLinked, pairsShown } from "./page/chosen_pairs.js";
import { textChosen, textLinked } from "./page/chosen_text.js";
import { choiceSet, cuttingWords, tokensAnswered, tokensChosen, tokensLinked } from "./page/chosen_tokens.js";
import { diary } from "./tab/diary.js";
import { bursting } from "./tab/burst.js";
import { estimate } from "./tab/estimate.js";
import { applyFocus } from "./page/focus.js";
import { runToOpen } from "./exchange/open_run.js";
import { pretrained } from "./exchange/pretrained.js";
import { GuideStrip, afterDoing, doing } from "./tab/guide.js";
import { headerTools } from "./page/header.js";
import { InsideView } from "./inside/view.js";
import { chosenNow, watchKeyboard } from "./page/keyboard.js";
import { maskDesigner } from "./masks/designer.js";
import { keepAlive, ladderNotes } from "./page/ladder.js";
import { linkRead } from "./page/link.js";
import { LossChart } from "./loss/chart.js";
import { notice } from "./page/notice.js";
import { opened, opening } from "./page/opening.js";
import { keepSmall } from "./page/own_text.js";
import { watchPresenting } from "./page/presenting.js";
import { pairsDiary } from "./tab/pairs_diary.js";
import { settingsFold } from "./tab/settings_fold.js";
import { RunsTab, textsAsked } from "./runs/runs.js";
import { Start } from "./start/start.js";
import { runFeed } from "./tab/status_strip.js";
import { begin, changeRate, live, tab } from "./tab/tab.js";
import { choose, noticeOf } from "./tab/choosing.js";
import { trying } from "./tab/trying.js";
import { keepTypedNumbers } from "./tab/typed_numbers.js";
import { TokensGuide } from "./tokens/guide.js";
import { TokensTab } from "./tokens/tab.js";
import { askToWrite, asWritten, writing } from "./tab/writing.js";

const liveFigure = (...mounted) => new LossChart(...mounted);
const board = (...mounted) => new Board(...mounted);
const runs = (...mounted) => new RunsTab(...mounted);
const start = (...mounted) => new Start(...mounted);
const guide = (...mounted) => new GuideStrip(...mounted);
const insideView = (...mounted) => new InsideView(...mounted);
const tokens = (...mounted) => new TokensTab(...mounted);
const tokensGuide = (...mounted) => new TokensGuide(...mounted);

export {
  board,
  diary,
  estimate,
  guide,
  headerTools,
  insideView,
  ladderNotes,
  liveFigure,
  maskDesigner,
  notice,
  opening,
  pairsDiary,
  pretrained,
  runFeed,
  runs,
  settingsFold,
  start,
  tokens,
  tokensGuide,
  trying,
  writing,
};

window.Playground = {
  afterDoing,
  asWritten,
  askToWrite,
  begin,
  bursting,
  changeRate,
  choiceSet,
  choose,
  chosenNow,
  cuttingWords,
  doing,
  keepAlive,
  keepSmall,
  linkRead,
  live,
  noticeOf,
  opened,
  pairsChosen,
  pairsLinked,
  pairsShown,
  runToOpen,
  tab,
  textChosen,
  textLinked,
  textsAsked,
  tokensAnswered,
  tokensChosen,
  tokensLinked,
};

watchTheme();
applyFocus();
watchPresenting();
watchKeyboard();
keepTypedNumbers();
