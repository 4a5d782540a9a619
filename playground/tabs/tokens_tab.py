"""The Tokens tab: how a text is cut, by two tokenizers side by side, and the merges step by step."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from lm.corpora import Corpus
from lm.errors import Problem, SettingsProblem
from lm.tokenizers import BPETokenizer, UnigramTokenizer, bpe, byte_level, unigram
from playground import components, tokens
from playground.arguments import arguments
from playground.cutting import player, words
from playground.cutting.cut import MOST, TextCut, checked, cut
from playground.cutting.examples import PASSAGE, example, titles
from playground.cutting.facts import Words, count_words, facts
from playground.guides import guide
from playground.services import Services
from playground.tabs import lesson_view
from playground.texts import NotYet
from playground.tokens import CHARACTERS

NAME = "tokens"
VOCABULARIES = (257, 512, 1024, 2048, 4096, 8192)  # on offer
USUAL = (CHARACTERS, "bpe:1024")  # on the left and on the right
SENTENCE = "the thing the king thinks is nothing"
Answer = dict[str, Any]


class TokensTab:
    """The handlers of the tab: what the page asks, and plain data in answer."""

    def __init__(self, services: Services) -> None:
        self.texts = services.texts
        self.words: dict[str, Words] = {}  # of texts by their keys
        found = guide(NAME)
        self.steps = found.step if found else ()

    def cut(self, data: Any) -> Answer:
        """A text cut on both sides: {"key", "example" or None, "text", "length", "left", "right"}.

        The page sends the first `MOST` characters of a text, and its length. Answers {"text", "note", "panes",
        "words", "losses"} or {"error": a sentence}. A pane is {"name", "facts", "vocabulary", "pieces"} or
        {"error", "again": whether it is worth asking again}. A piece is [id or None, text, start, end, whole,
        how often here, in the training text].
        """
        try:
            key, text, note = self._asked(data)
        except Problem as problem:
            return {"error": str(problem)}
        panes: list[Answer] = []
        cuts: list[TextCut] = []
        for side, usual in zip(("left", "right"), USUAL, strict=True):
            try:
                cuts.append(cut(self.texts, key, str(data.get(side) or usual), text))
                panes.append(_pane(cuts[-1]))
            except Problem as problem:
                panes.append(_refused(problem))
        told = words.about(cuts[0], cuts[-1]) if cuts else []
        losses = words.about_losses(cuts[0], cuts[-1]) if cuts else ""
        return {"text": text, "note": note, "panes": panes, "words": told, "losses": losses}

    def play(self, data: Any) -> Answer:
        """The steps of a sentence: {"key", "sentence", "length", "mode", "tokens": of both sides}.

        Answers as `player.py`, with "mode", "title" and "note", or {"error": a sentence}.
        """
        asked = data if isinstance(data, dict) else {}
        mode = asked.get("mode")
        try:
            if mode not in player.MODES:
                raise SettingsProblem(f"The player shows one of {', '.join(player.MODES)}.")
            text, note = player.sentence(checked(asked.get("sentence")), _length(asked))
            told: Answer = {"mode": mode, "note": note}
            if mode == "learn":
                title = "The pairs are those of the sentence itself: nothing else is learned from."
                return told | {"title": title} | player.learn(text)
            tokenizer, name = self._tokenizer(mode, str(asked.get("key")), asked.get("tokens"))
            return told | _played(tokenizer, name, text)
        except Problem as problem:
            return _refused(problem)

    def happened(self, data: Any) -> Answer:
        """{"text"}: what came of a step of the guide; the page sends [step, what it asks `cut`]."""
        index, asked = arguments(data, None, None)
        if not isinstance(index, int) or not 0 <= index < len(self.steps):
            return {"text": "The guide has no such step."}
        try:
            key, text, _ = self._asked(asked)
            sides = asked if isinstance(asked, dict) else {}
            left, right = (
                cut(self.texts, key, str(sides.get(side) or usual), text)
                for side, usual in zip(("left", "right"), USUAL, strict=True)
            )
            return {"text": self.steps[index].told(facts(left, right, self._words(key)))}
        except Problem as problem:
            return {"text": str(problem)}

    def shown(self) -> list[Answer]:
        """The steps of the guide as its strip takes them."""
        return [
            {
                "id": step.id,
                "question": step.question,
                "try": step.try_,
                "view": None,
                "press": "cut",
                "cut": step.do.cut.model_dump(exclude_none=True) if step.do.cut else {},
            }
            for step in self.steps
        ]

    def _asked(self, data: Any) -> tuple[str, str, str]:
        """The key of the text to learn from, the text to cut, and a note if it is only the beginning."""
        asked = data if isinstance(data, dict) else {}
        key, name = str(asked.get("key")), asked.get("example")
        if name is not None:
            found = example(str(name), self.texts.get(key).corpus)
            if found is None:
                raise SettingsProblem(f"There is no example called {str(name)[:40]!r}.")
            return key, found, ""
        text = checked(asked.get("text"))
        if not text:
            raise SettingsProblem("There is nothing to cut: type a text, or choose an example.")
        length = max(len(text), _length(asked))
        note = f"The text has {length:,} characters; the first {MOST:,} are cut."
        return key, text[:MOST], note if length > MOST else ""

    def _tokenizer(self, mode: str, key: str, sides: Any) -> tuple[Any, str]:
        """The tokenizer of a kind that a side shows, the right one first; else one of the usual vocabulary."""
        kind = {"encode": BPETokenizer.kind, "unigram": UnigramTokenizer.kind}[mode]
        shown = [one for one in sides if isinstance(one, str)] if isinstance(sides, list) else []
        fits = [one for one in reversed(shown[:2]) if one.startswith(f"{kind}:")]
        chosen = fits[0] if fits else f"{kind}:{byte_level.VOCAB_SIZE}"
        prepared = self.texts.get(key, tokens.config_of(chosen))
        return (
            prepared.tokenizer,
            f"{tokens.title_of(chosen)}, learned from {prepared.corpus.title}",
        )

    def _words(self, key: str) -> Words:
        if key not in self.words:
            corpus = self.texts.get(key).corpus
            if not isinstance(corpus, Corpus):
                raise SettingsProblem("This text holds pairs: choose a text that goes on.")
            self.words = {key: count_words(corpus)}  # of one text: it is soon counted anew
        return self.words[key]


def _length(asked: Answer) -> int:
    """The length of a text of which the page sends the beginning."""
    length = asked.get("length")
    return length if isinstance(length, int) and 0 <= length < 10**12 else 0


def _refused(problem: Problem) -> Answer:
    return {"error": str(problem), "again": isinstance(problem, NotYet)}


def _pane(found: TextCut) -> Answer:
    return {
        "name": found.name,
        "facts": words.facts(found),
        "vocabulary": words.vocabulary(found),
        "pieces": [
            [one.id, one.text, one.start, one.end, one.whole, one.here, one.learned]
            for one in found.pieces
        ],
    }


def _played(tokenizer: Any, name: str, text: str) -> Answer:
    if isinstance(tokenizer, BPETokenizer):
        merges = words.counted(len(tokenizer.merges), "merge")
        return {"title": f"{merges} of {name}, in their order."} | player.encode(tokenizer, text)
    return {"title": f"{name}: each piece has a probability."} | player.best_paths(tokenizer, text)


def faults(link: Mapping[str, str]) -> list[str]:
    """What the parameters of a link to this tab ask for in vain."""
    found = []
    for side in ("left", "right"):
        try:
            tokens.config_of(link.get(side, CHARACTERS))
        except Problem as problem:
            found.append(f"{side}: {str(problem).rstrip('.')}")
    for name, known in (("example", [name for name, _ in titles()]), ("player", player.MODES)):
        if name in link and link[name] not in known:
            found.append(f"{name} is one of {', '.join(known)}")
    return found


def build(services: Services) -> None:
    """Lay the tab out; must be called inside the page's `gr.Tabs`."""
    handlers = TokensTab(services)

    def cut_text(data: Any) -> Any:
        return handlers.cut(data)

    def play(data: Any) -> Any:
        return handlers.play(data)

    def happened(data: Any) -> Any:
        return handlers.happened(data)

    with gr.Tab("Tokens", elem_id="rung-tokens", id=NAME):
        components.tokens_guide(handlers.shown(), happened)
        components.tokens(
            cut_text,
            play,
            examples=titles(),
            example=PASSAGE,
            sides=list(USUAL),
            vocabularies=list(VOCABULARIES),
            sentence=SENTENCE,
            most=[MOST, player.MOST],
        )
        lesson_view.lay_out(NAME, "Tokens", bpe, [byte_level, unigram])
