"""The page's header: the title, the choice of the text to train on, and the machine's cores.

The choice is a key (`texts.py`) that the browser keeps; every tab trains on that text, and the menu shows it at
all times. Visitors paste or upload a text of their own in a panel that opens under the header.
"""

import json
import os
from typing import Any

import gradio as gr

from lm import corpora
from lm.corpora.own_text import SHORTEST
from lm.errors import Problem
from playground import components
from playground.services import Services
from playground.tabs import links
from playground.tabs.model_tab import notice

OWN = "own"
OWN_TITLE = "Your own text …"
_TITLES = {"tiny_shakespeare": "Tiny Shakespeare", "synthetic_plays": "Synthetic plays"}


def header(page: gr.Blocks, title: str, services: Services) -> gr.BrowserState:
    """Lay the header out. Returns the key of the text."""
    corpus = gr.BrowserState(corpora.names()[0], storage_key="lm-corpus", secret="language-models")
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
        facts = gr.HTML("", elem_classes="facts", apply_default_css=False, elem_id="facts")
        components.header_tools(links.base(os.environ))
    told = gr.Markdown("", visible=False, elem_classes="notice", elem_id="notice-page")
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
        # Why the browser did not send a file (own_text.js).
        gr.HTML("<div role='alert'></div>", elem_classes="unsent", apply_default_css=False)

    choosing = Choosing(services)
    parts = {"corpus": corpus, "choice": choice, "facts": facts, "told": told, "panel": panel}

    def handle(
        event: Any, handler: Any, *inputs: Any, queue: bool = True, js: str | None = None
    ) -> None:
        """Call a method of `Choosing` with values of inputs, and update the parts that it names."""

        def update(*values: Any) -> dict[Any, Any]:
            return {parts[name]: value for name, value in handler(*values).items()}

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        event(update, list(inputs), list(parts.values()), queue=queue, js=js, **quiet)

    handle(choice.input, choosing.choose, choice, corpus)
    handle(use.click, choosing.add_pasted, pasted, corpus)
    handle(upload.upload, choosing.add_uploaded, upload, corpus)
    handle(close.click, choosing.close, corpus)
    linked = "(key, now) => import('playground').then(() => [Playground.textLinked(key), now])"
    handle(page.load, choosing.show, corpus, corpus, queue=False, js=linked)
    # A guide may choose a text.
    handle(corpus.change, choosing.show, corpus, corpus, queue=False, js=linked)
    words = json.dumps(choosing.too_large("SIZE"))
    keep_small = f"Playground.keepSmall('#own-text', {choosing.largest}, {words})"
    page.load(None, js=f"() => {{ import('playground').then(() => {keep_small}) }}")
    return corpus


class Choosing:
    """The handlers of the header: values in, updates out, by the names of its parts."""

    def __init__(self, services: Services) -> None:
        self.texts = services.texts
        self.cores = services.supervisor.cores
        self.largest = services.supervisor.limits.text_megabytes * 1_000_000  # bytes

    def show(self, key: Any, now: Any, notices: str = "") -> dict[str, Any]:
        """Train on the text of a key from now on; if it cannot be had, go on with the text of key `now`."""
        try:
            found, text, sentence = self.texts.get_or_synthetic(str(key))
        except Problem as problem:
            return {"told": notice(str(problem)), "choice": _option(now)}
        machine = f"{self.cores} CPU core{'s' if self.cores != 1 else ''}"
        return {
            **({} if found == now else {"corpus": found}),
            "choice": _option(found),
            "facts": f"{text.tokenizer.vocab_size:,} characters · {machine}",
            "told": notice(" ".join(filter(None, [notices, sentence]))),
            "panel": gr.update(visible=False),
        }

    def choose(self, chosen: Any, now: Any) -> dict[str, Any]:
        """Another text, or the panel for one's own; until that is taken, the menu shows the text in use."""
        if chosen == OWN:
            return {
                "told": notice(None),
                "choice": _option(now),
                "panel": gr.update(visible=True),
            }
        return self.show(chosen, now)

    def close(self, now: Any) -> dict[str, Any]:
        """Close the panel, and go on with the text in use."""
        return {"told": notice(None), "choice": _option(now), "panel": gr.update(visible=False)}

    def add_pasted(self, text: Any, now: Any) -> dict[str, Any]:
        """Take a text from the box."""
        return self._add(str(text or "").encode("utf-8", "replace"), now)

    def add_uploaded(self, data: Any, now: Any) -> dict[str, Any]:
        """Take a text from a file."""
        return self._add(data if isinstance(data, bytes) else b"", now)

    def too_large(self, megabytes: str) -> str:
        """The sentence about a text of so many MB, which is over the limit."""
        return (
            f"That text has {megabytes} MB; the page takes up to {self.largest / 1e6:.0f} MB: choose a "
            "smaller part of it. The command line takes more."
        )

    def _add(self, data: bytes, now: Any) -> dict[str, Any]:
        if len(data) > self.largest:
            sentence = self.too_large(f"{len(data) / 1e6:.1f}")
            return {"told": notice(sentence), "choice": _option(now)}
        notices: list[str] = []
        try:
            key = self.texts.add(data, notices.append)
            self.texts.get(key)  # a text that cannot be prepared is refused here, not replaced
            return self.show(key, now, " ".join(notices))
        except Problem as problem:
            return {"told": notice(str(problem)), "choice": _option(now)}


def _option(key: Any) -> str:
    """The entry of the menu that stands for the text of a key."""
    return str(key) if key in corpora.names() else OWN
