// What the page calls: the last of the scripts, after the parts that it draws on (their order is in
// `__init__.py`).
//
// Each Gradio component starts one function of `window.Playground` when it mounts.  A rung's parts
// find one another by the rung's name: the feed publishes, the chart, the diary and the attention
// view subscribe.  Text that a model or a visitor wrote only ever becomes the `textContent` of a
// node: it can never turn into markup.
"use strict";

{
  const { parts } = Playground;
  const { feed, live, stale, begin } = parts.feed;
  const { tabNote, ladderNotes, keepAlive } = parts.ladder;
  const { toggleTheme } = parts.appearance;
  const { headerTools, copyLink } = parts.header;
  const { runFeed } = parts.statusStrip;
  const { diary } = parts.diary;
  const { writing } = parts.writing;
  const { LossChart } = parts.lossChart;
  const { AttentionView } = parts.attentionView;

  Object.assign(Playground, {
    feed,
    live,
    stale,
    begin,
    tabNote,
    keepAlive,
    toggleTheme,
    copyLink,
    runFeed,
    diary,
    writing,
    headerTools,
    ladderNotes,
    liveFigure: (...args) => new LossChart(...args),
    attentionView: (...args) => new AttentionView(...args),
  });
}
