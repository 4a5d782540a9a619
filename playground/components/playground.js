// The module that the page loads: what its components and its Gradio events call.
//
// Each component imports it as "playground" and calls the function of its part when it mounts; the
// events call `window.Playground`. The parts of a rung's tab find one another by the rung's name
// (tab.js). Text that a model or a visitor wrote only ever becomes the `textContent` of a node: it
// can never turn into markup.
import { watchTheme } from "./appearance.js";
import { AttentionView } from "./attention_view.js";
import { diary } from "./diary.js";
import { estimate } from "./estimate.js";
import { headerTools } from "./header.js";
import { keepAlive, ladderNotes } from "./ladder.js";
import { LossChart } from "./loss_chart.js";
import { keepSmall } from "./own_text.js";
import { runFeed } from "./status_strip.js";
import { askToWrite, begin, changeRate, choose, live, tab } from "./tab.js";
import { keepTypedNumbers } from "./typed_numbers.js";
import { writing } from "./writing.js";

const liveFigure = (...mounted) => new LossChart(...mounted);
const attentionView = (...mounted) => new AttentionView(...mounted);

export { attentionView, diary, estimate, headerTools, ladderNotes, liveFigure, runFeed, writing };

window.Playground = { askToWrite, begin, changeRate, choose, keepAlive, keepSmall, live, tab };

watchTheme();
keepTypedNumbers();
