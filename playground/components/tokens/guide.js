// The guide of the Tokens tab: its steps set what the tab shows, and its sentences tell of the cut that it shows.
import { NO_ANSWER, ask } from "../basics/calls.js";
import { GuideStrip } from "../tab/guide.js";
import { onCut, tokensTab } from "./tab.js";

const PATIENCE_MS = 30000; // until the server has counted the words of the text

export class TokensGuide extends GuideStrip {
  constructor(element, ...mounted) {
    super(element, ...mounted);
    onCut(() => this.telling && this.say(), element);
  }

  /** The step that the link names, else the one where the visitor was, else the first. */
  beginning() {
    const query = new URLSearchParams(location.search);
    const named = this.steps.findIndex(({ id }) => id === query.get("guide"));
    return named >= 0 && query.get("tab") === this.key ? named : super.beginning();
  }

  async do() {
    const { cut } = this.step;
    const tab = tokensTab();
    if (!tab) return;
    this.telling = true;
    this.render();
    this.words.textContent = "";
    await tab.set(cut);
    if (cut.player || cut.sentence) await tab.player.set(cut);
    this.say();
  }

  async say() {
    const { index } = this;
    const answer = await ask(this.server, "happened", [[index, tokensTab()?.question() ?? null]], PATIENCE_MS);
    if (index !== this.index || !this.telling) return;
    this.words.textContent = answer?.text ?? NO_ANSWER;
  }
}
