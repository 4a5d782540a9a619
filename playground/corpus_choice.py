"""The page's header: the title, the choice of the text to train on, and the machine's cores.

The choice is a key (`texts.py`) that the browser keeps; every tab trains on that text. Visitors paste or upload
a text of their own in a panel that opens under the header.
"""

from typing import Any

import gradio as gr

from lm import corpora
from lm.errors import Problem
from playground import components
from playground.model_tab import notice
from playground.services import Services

OWN = "own"
OWN_TITLE = "Your own text …"
LARGEST = 4_000_000  # bytes; counting the baselines of more would take a visitor's patience
_TITLES = {"tiny_shakespeare": "Tiny Shakespeare", "synthetic_plays": "Synthetic plays"}


def header(page: gr.Blocks, title: str, services: Services) -> tuple[gr.BrowserState, gr.HTML]:
    """Lay the header out. Returns the key of the text and the share tool."""
    corpus = gr.BrowserState(corpora.names()[0], storage_key="lm-corpus", secret="language-models")
    choices = [(_TITLES.get(name, name), name) for name in corpora.names()] + [(OWN_TITLE, OWN)]
    with gr.Row(elem_classes="page-header"):
        components.header(title, "watch one learn")
        choice = gr.Dropdown(
            choices,
            value=corpora.names()[0],
            show_label=False,
            container=False,
            elem_classes="pill",
            elem_id="corpus",
            interactive=True,
        )
        facts = gr.HTML("", elem_classes="facts", apply_default_css=False, elem_id="facts")
        share = components.header_tools()
    told = gr.Markdown("", visible=False, elem_classes="notice", elem_id="notice-page")
    with gr.Column(visible=False, elem_classes="own-text card", elem_id="own-text") as panel:
        pasted = gr.Textbox(
            label="Your own text",
            info="At least 1,000 characters of plain text. It stays on the machine that runs this page.",
            lines=6,
            max_lines=6,
            elem_id="own-text-box",
        )
        with gr.Row():
            use = gr.Button("Use this text", variant="primary", elem_id="own-text-use")
            upload = gr.UploadButton("Upload a .txt file", file_types=["text"], type="binary")

    texts, cores = services.texts, services.supervisor.cores

    def describe(key: Any) -> dict[Any, Any]:
        try:
            found, text, sentence = texts.get_or_synthetic(str(key))
        except Problem as problem:
            return {told: notice(str(problem))}
        machine = f"{cores} CPU core{'s' if cores != 1 else ''}"
        return {
            corpus: found,
            choice: found if found in corpora.names() else OWN,
            facts: f"{text.tokenizer.vocab_size} characters · {machine}",
            told: notice(sentence),
            panel: gr.update(visible=False),
        }

    def choose(chosen: Any) -> dict[Any, Any]:
        if chosen == OWN:
            return {told: notice(None), panel: gr.update(visible=True)}
        return describe(chosen)

    def add(data: bytes) -> dict[Any, Any]:
        try:
            if len(data) > LARGEST:
                raise Problem(
                    f"That text has {len(data) / 1e6:.1f} MB; the page takes up to "
                    f"{LARGEST / 1e6:.0f}. The command line takes more."
                )
            return describe(texts.add(data))
        except Problem as problem:
            return {told: notice(str(problem))}

    def add_pasted(text: Any) -> dict[Any, Any]:
        return add(str(text or "").encode("utf-8", "replace"))

    def add_uploaded(data: Any) -> dict[Any, Any]:
        return add(data if isinstance(data, bytes) else b"")

    outputs = [corpus, choice, facts, told, panel]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    choice.input(choose, choice, outputs, **quiet)
    use.click(add_pasted, pasted, outputs, **quiet)
    upload.upload(add_uploaded, upload, outputs, **quiet)
    page.load(describe, corpus, outputs, queue=False, **quiet)
    return corpus, share
