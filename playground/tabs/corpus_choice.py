"""The page's header: the title, the choice of the text to train on and of its tokens, and the machine's cores.

The browser keeps both choices, a key (`texts.py`) and tokens (`playground/tokens.py`). Every tab trains on
them, and the menus show them at all times. Visitors paste or upload a text of their own in a panel that opens
under the header. The menus of the tokens are in `token_choice.py`.
"""

import os
from typing import Any

import gradio as gr

from lm import corpora
from lm.corpora.own_text import SHORTEST
from lm.errors import Problem
from lm.runs.preparation import PreparedText
from playground import components
from playground.services import Services
from playground.tabs import links, pairs_choice, token_choice
from playground.tabs.model_tab import notice
from playground.tabs.own_choice import OWN, Answer, OwnChoosing, connect, keep_small, unsent
from playground.texts import NotYet
from playground.tokens import (
    CHARACTERS,
    config_from,
    config_of,
    described,
    or_characters,
    tokens_of,
)

OWN_TITLE = "Your own text …"
# In place of the facts while the page asks again; components/page/chosen_tokens.js has the words, too.
LEARNING, LOADING = "learning the pieces …", "loading the text …"
CUTTING = "(...shown) => Playground.cuttingWords(...shown)"
IF_CHOSEN = "Playground.chosenNow('corpus', text)"
CUTTING_CHOSEN = f"(kind, facts, text) => Playground.cuttingWords(kind, facts, {IF_CHOSEN})"
_TITLES = {"tiny_shakespeare": "Tiny Shakespeare", "synthetic_plays": "Synthetic plays"}


def header(
    page: gr.Blocks, title: str, services: Services, pairs: gr.BrowserState
) -> tuple[gr.BrowserState, gr.BrowserState]:
    """Lay the header out. Returns the key of the text, and the tokens. pairs: the key of `pairs_choice.py`."""
    corpus = gr.BrowserState(corpora.names()[0], storage_key="lm-corpus", secret="language-models")
    tokens = token_choice.remembered()
    choices = [(_TITLES.get(name, name), name) for name in corpora.names()] + [(OWN_TITLE, OWN)]
    with gr.Row(elem_classes="page-header"):
        components.header(title, "watch one learn")
        choice = gr.Dropdown(
            choices,
            value=corpora.names()[0],
            label="Text to learn from",  # read out, not shown
            show_label=False,
            container=False,
            elem_classes="pill",
            elem_id="corpus",
            interactive=True,
        )
        pairs_menu = pairs_choice.menu()
        kind, size = token_choice.menus()
        again = gr.Button("Ask again", elem_id="tokens-again", elem_classes="offscreen")
        follow = gr.Button("Follow", elem_id="tokens-follow", elem_classes="offscreen")
        facts = gr.HTML("", elem_classes="facts", apply_default_css=False, elem_id="facts")
        components.header_tools(links.base(os.environ))
    pairs_choice.build(page, services, pairs, *pairs_menu)
    told = components.notice("notice-page")
    with gr.Column(visible=False, elem_classes="own-text card", elem_id="own-text") as panel:
        pasted = gr.Textbox(
            label="Your own text",
            info=f"At least {SHORTEST:,} characters of plain text. "
            "It stays on the machine that runs this page.",
            lines=6,
            max_lines=6,
            elem_id="own-text-box",
        )
        with gr.Row():
            use = gr.Button("Use this text", variant="primary", elem_id="own-text-use")
            upload = gr.UploadButton("Upload a .txt file", file_types=["text"], type="binary")
            close = gr.Button("Close", elem_id="own-text-close")
        unsent()

    choosing = Choosing(services)
    parts = {"corpus": corpus, "choice": choice, "facts": facts, "told": told, "panel": panel}
    parts |= {"tokens": tokens, "kind": kind, "size": size}

    now = (corpus, tokens)

    def handle(event: Any, handler: Any, *inputs: Any, **how: Any) -> None:
        done = connect(parts, "choosing", event, handler, *inputs, **how)
        done.then(None, [*now], js="(...now) => { window.Playground?.tokensAnswered(now) }")

    if_chosen = f"(text, key, cut) => [{IF_CHOSEN}, key, cut]"
    handle(choice.input, choosing.choose, choice, *now, js=if_chosen, trigger_mode="multiple")
    handle(use.click, choosing.add_pasted, pasted, *now)
    handle(upload.upload, choosing.add_uploaded, upload, *now)
    handle(close.click, choosing.close, *now)
    choice.input(None, [kind, facts, choice], facts, js=CUTTING_CHOSEN)
    for menu in (kind, size):
        menu.input(None, [kind, facts], facts, js=CUTTING)
    as_typed = {"preprocess": False, "trigger_mode": "always_last", "show_progress": "hidden"}
    for event in (kind.input, size.input, again.click):
        handle(event, choosing.choose_tokens, kind, size, *now, **as_typed)
    linked = (
        "(...now) => import('playground').then(() => "
        "[Playground.textLinked(now[0]), Playground.tokensLinked(now[1]), ...now])"
    )
    handle(page.load, choosing.show, *now, *now, queue=False, js=linked)
    handle(follow.click, choosing.follow, *now, *now, queue=False)
    # A guide may choose a text, or tokens. A page that opens sets them, too, and needs no second answer.
    set_now = "(...now) => { import('playground').then(() => Playground.choiceSet(now)) }"
    gr.on([one.change for one in now], None, [*now], js=set_now)
    chosen = "(cut) => { import('playground').then(() => Playground.tokensChosen(cut)) }"
    gr.on([tokens.change, page.load], None, tokens, js=chosen)
    keep_small(page, "own-text", choosing)
    return corpus, tokens


class Choosing(OwnChoosing):
    """The handlers of the header: values in, updates out, by the names of its parts."""

    def option(self, key: Any) -> str:
        """The entry of the menu that stands for the text of a key."""
        return str(key) if key in corpora.names() else OWN

    def show(
        self, key: Any, cut: Any, now: Any, cut_now: Any = CHARACTERS, notices: str = ""
    ) -> Answer:
        """Train on the text of a key, cut into these tokens, from now on.

        If the text cannot be had, that of key `now` stays; if it cannot be cut so, its tokens are characters.
        """
        try:
            found, text, sentence = self.texts.get_or_synthetic(str(key))
        except Problem as problem:
            if isinstance(problem, NotYet) and key == now:
                return {"choice": self.option(now), "facts": LOADING}
            facts = self._facts_of(now, cut_now)
            return {"told": notice(str(problem)), "choice": self.option(now), "facts": facts}
        try:
            config = config_of(cut)
            text = self.texts.get(found, config)
            facts = self._facts(text)
        except NotYet:  # the page asks again
            facts = LEARNING
        except Problem as problem:
            facts = self._facts(text)
            config = config_of(CHARACTERS)
            notices = f"{notices} {problem} The tokens are characters now.".strip()
        tokens = tokens_of(config)
        return {
            **({} if found == now else {"corpus": found}),
            **({} if tokens == cut_now or facts == LEARNING else {"tokens": tokens}),
            "choice": self.option(found),
            **token_choice.shown(tokens),
            "facts": facts,
            "told": notice(" ".join(filter(None, [notices, sentence]))),
            "panel": gr.update(visible=False),
        }

    def follow(self, key: Any, cut: Any, now: Any, cut_now: Any) -> Answer:
        """The text or its tokens have changed: as `show`, but a sentence that is read stays."""
        answer = self.show(key, cut, now, cut_now)
        return answer if answer["told"]["value"] else {**answer, "told": gr.skip()}

    def choose(self, chosen: Any, now: Any, cut: Any = CHARACTERS) -> Answer:
        """Another text, or the panel for one's own; until that is taken, the menu shows the text in use.

        chosen: None if the menu was left without a choice.
        """
        if chosen is None:
            return {}
        if chosen == OWN:
            return self.open_panel(now)
        return self.show(chosen, cut, now, cut)

    def choose_tokens(self, kind: Any, size: Any, now: Any, cut: Any) -> Answer:
        """Other tokens of the text in use; if it cannot be cut so, menus and tokens stay with those in use."""
        try:
            config = config_from(kind, size)
            text = self.texts.get(str(now), config)
        except NotYet:  # the page asks again
            return {"facts": LOADING if kind == CHARACTERS else LEARNING}
        except Problem as problem:
            if f"{kind}:{size}" == str(cut):  # those in use: the page has asked again
                return self.show(now, cut, now, cut)
            menus = token_choice.shown(or_characters(cut))
            return {**menus, "facts": self._facts_of(now, cut), "told": notice(str(problem))}
        tokens = tokens_of(config)
        # A menu that is left tells its value again, which says nothing about a sentence that is read.
        new = {} if tokens == cut else {"tokens": tokens, "told": notice(None)}
        return {**new, **token_choice.shown(tokens), "facts": self._facts(text)}

    def add_pasted(self, text: Any, now: Any, cut: Any = CHARACTERS) -> Answer:
        """Take a text from the box."""
        return self._add(str(text or "").encode("utf-8", "replace"), now, cut)

    def add_uploaded(self, data: Any, now: Any, cut: Any = CHARACTERS) -> Answer:
        """Take a text from a file."""
        return self._add(data if isinstance(data, bytes) else b"", now, cut)

    def _facts_of(self, key: Any, cut: Any) -> str:
        """The tokens of the text in use, and the machine; the machine alone if the text is gone."""
        try:
            return self._facts(self.texts.get(str(key), config_of(or_characters(cut))))
        except Problem:
            return self.machine

    def _facts(self, text: PreparedText) -> str:
        return f"{described(text)} · {self.machine}"

    def _add(self, data: bytes, now: Any, cut: Any) -> Answer:
        def take() -> Answer:
            notices: list[str] = []
            key = self.texts.add(data, notices.append)
            self.texts.get(key)  # a text that cannot be prepared is refused here, not replaced
            return self.show(key, cut, now, cut, " ".join(notices))

        return self.taken([data], now, take)
