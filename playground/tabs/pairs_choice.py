"""The header's choice of the pairs that a model learns to rewrite, shown on the tabs of those models only.

The browser keeps it beside the choice of a text (`corpus_choice.py`), as a key of `texts.py`. The page's
scripts show the menu that fits the open tab (components/page/chosen_pairs.js).
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from lm import corpora
from lm.corpora import PairCorpus
from lm.errors import Problem
from lm.tasks import Rewrite, TaskConfig
from playground import components
from playground.services import Services
from playground.tabs.model_tab import notice
from playground.tabs.own_choice import OWN, Answer, OwnChoosing, connect, keep_small, unsent
from playground.texts import NotYet

REWRITE = TaskConfig(task=Rewrite.name)
TITLES = {
    "number_words": "Number words",
    "sums": "Sums",
    "sums:reverse": "Reversed digits",
    "sums:sort": "Sorted digits",
    "pronunciation": "Pronunciation",
    "english_french": "English to French",
}


def remembered() -> gr.BrowserState:
    """The key of the chosen pairs, kept in the browser."""
    return gr.BrowserState(
        corpora.pair_names()[0], storage_key="lm-pairs", secret="language-models"
    )


def menu() -> tuple[gr.Dropdown, gr.HTML]:
    """The menu, and a few words on the pairs; must be called inside the header's row."""
    choice = gr.Dropdown(
        _offered(),
        value=corpora.pair_names()[0],
        label="Pairs to learn from",  # read out, not shown
        show_label=False,
        container=False,
        elem_classes="pill pairs-pill",
        elem_id="pairs",
        interactive=True,
    )
    return choice, gr.HTML("", elem_classes="facts pairs-facts", apply_default_css=False)


def build(
    page: gr.Blocks,
    services: Services,
    pairs: gr.BrowserState,
    choice: gr.Dropdown,
    facts: gr.HTML,
) -> None:
    """The panel for one's own pairs, under the header, and all events of the menu."""
    told = components.notice("notice-pairs")
    with gr.Column(visible=False, elem_classes="own-text card", elem_id="own-pairs") as panel:
        with gr.Row():
            first = gr.Textbox(
                label="Your own pairs",
                info="A line for each pair, with a tab between its sides. "
                "They stay on the machine that runs this page.",
                lines=6,
                max_lines=6,
                elem_id="own-pairs-box",
            )
            second = gr.Textbox(
                label="The answers, if they are not beside the lines",
                info="As many lines as at the left, which then holds the lines to rewrite only.",
                lines=6,
                max_lines=6,
                elem_id="own-answers-box",
            )
        with gr.Row():
            use = gr.Button("Use these pairs", variant="primary", elem_id="own-pairs-use")
            upload = gr.UploadButton(
                "Upload a .tsv file, or two files of lines",
                file_types=["text", ".tsv"],
                file_count="multiple",
                type="filepath",
            )
            close = gr.Button("Close", elem_id="own-pairs-close")
        unsent()

    choosing = PairsChoosing(services)
    parts = {"pairs": pairs, "choice": choice, "facts": facts, "told": told, "panel": panel}

    handle = partial(connect, parts, "choosing-pairs")
    if_chosen = "(chosen, now) => [Playground.chosenNow('pairs', chosen), now]"
    handle(choice.input, choosing.choose, choice, pairs, js=if_chosen, trigger_mode="multiple")
    handle(use.click, choosing.add_pasted, first, second, pairs)
    handle(upload.upload, choosing.add_uploaded, upload, pairs)
    handle(close.click, choosing.close, pairs)
    # A page asks the server once it shows the pairs: few visitors come for them.
    follow = gr.Button("Follow", elem_id="pairs-follow", elem_classes="offscreen")
    handle(follow.click, choosing.show, pairs, pairs, queue=False)
    facts.value = choosing.machine
    shown = f"Playground.pairsShown(key, {json.dumps(list(TITLES))}, {json.dumps(OWN)})"
    opened = f"(key) => import('playground').then(() => {shown})"
    page.load(None, pairs, [pairs, choice], js=opened)
    chosen = "import('playground').then(() => Playground.pairsChosen(key))"
    gr.on([pairs.change, page.load], None, pairs, js=f"(key) => {{ {chosen} }}")
    keep_small(page, "own-pairs", choosing)


class PairsChoosing(OwnChoosing):
    """The handlers: values in, updates out, by the names of the parts."""

    FILE, ADVICE = "file", "choose fewer pairs"

    def option(self, key: Any, corpus: PairCorpus | None = None) -> Any:
        """The entry of the menu that stands for the pairs of a key; one that a link named is added."""
        key = str(key)
        if key in TITLES or not corpora.is_built_in(key):
            return gr.update(choices=_offered(), value=key if key in TITLES else OWN)
        title = corpus.title if corpus is not None else key
        return gr.update(choices=[*_offered()[:-1], (title, key), _offered()[-1]], value=key)

    def show(self, key: Any, now: Any, notices: str = "") -> Answer:
        """Learn from the pairs of a key from now on; if they cannot be had, go on with those of key `now`."""
        try:
            found, text, sentence = self.texts.get_or_synthetic(str(key), REWRITE)
        except Problem as problem:
            # That those in use are still being prepared is no news, for no tab but theirs needs them.
            waits = isinstance(problem, NotYet) and key == now
            told = {} if waits else {"told": notice(str(problem))}
            return {**told, "choice": self.option(now), "facts": self.machine}
        assert isinstance(text.corpus, PairCorpus)
        count = len(text.corpus.train)
        return {
            **({} if found == now else {"pairs": found}),
            "choice": self.option(found, text.corpus),
            "facts": f"{count:,} pair{'s' if count != 1 else ''} · {self.machine}",
            "told": notice(" ".join(filter(None, [notices, sentence]))),
            "panel": gr.update(visible=False),
        }

    def choose(self, chosen: Any, now: Any) -> Answer:
        """Other pairs, or the panel for one's own; until they are taken, the menu shows those in use.

        chosen: None if the menu was left without a choice.
        """
        if chosen is None:
            return {}
        return self.open_panel(now) if chosen == OWN else self.show(chosen, now)

    def add_pasted(self, lines: Any, answers: Any, now: Any) -> Answer:
        """Take pairs from the boxes; the second may be empty."""
        first, second = (str(box or "").encode("utf-8", "replace") for box in (lines, answers))
        sides = [first, second] if second.strip() else [first]
        return self._add(sides, ("the first box", "the second box"), "", now)

    def add_uploaded(self, paths: Any, now: Any) -> Answer:
        """Take pairs from one file, or from two."""
        files = [Path(path) for path in (paths if isinstance(paths, list) else [paths])]
        if len(files) > 2:
            return self.refused(
                f"Those are {len(files)} files: give one with a tab in each line, or two of as many lines.",
                now,
            )
        names = tuple(file.name for file in files)
        told = f"Each line of {names[0]} is rewritten as that of {names[-1]}." if files[1:] else ""
        return self._add([file.read_bytes() for file in files], (names[0], names[-1]), told, now)

    def _add(self, sides: Sequence[bytes], labels: tuple[str, str], told: str, now: Any) -> Answer:
        """Keep pairs from one file, or from two of the same number of lines."""

        def take() -> Answer:
            notices, second = [told] if told else [], sides[1] if sides[1:] else None
            key = self.texts.add_pairs(sides[0], second, notices.append, labels)
            self.texts.get(key, task=REWRITE)  # what cannot be prepared is refused, not replaced
            return self.show(key, now, " ".join(notices))

        return self.taken(sides, now, take)


def _offered() -> list[tuple[str, str]]:
    return [(title, key) for key, title in TITLES.items()] + [("Your own pairs …", OWN)]
