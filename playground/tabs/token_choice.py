"""The menus Tokens and Vocabulary of the page's header: how the chosen text is cut.

The browser keeps the choice as "characters", or "bpe:1024" (`playground/tokens.py`). Every tab trains on these
tokens. The menus stand beside the text (`corpus_choice.py`), whose handlers keep both true to each other.
"""

from typing import Any

import gradio as gr

from playground import tokens
from playground.tokens import CHARACTERS, config_of

VOCABULARIES = (512, 1024, 2048, 4096)  # on offer; others can be typed


def remembered() -> gr.BrowserState:
    """The chosen tokens, kept in the browser."""
    return gr.BrowserState(CHARACTERS, storage_key="lm-tokens", secret="language-models")


def menus() -> tuple[gr.Dropdown, gr.Dropdown]:
    """The menu of the kinds, and that of the vocabulary, which characters do not have."""
    common: dict[str, Any] = {"show_label": False, "container": False, "interactive": True}
    kind = gr.Dropdown(
        [(title, name) for name, title in tokens.TITLES.items()],
        value=CHARACTERS,
        label="Tokens",  # read out, not shown
        elem_classes="pill tokens-pill",
        elem_id="tokens",
        **common,
    )
    size = gr.Dropdown(
        _offered(config_of(CHARACTERS).vocab_size),
        value=config_of(CHARACTERS).vocab_size,
        label="Vocabulary: pieces, 257 to 8,192",
        elem_classes="pill vocabulary-pill",
        elem_id="vocabulary",
        allow_custom_value=True,
        visible=False,
        **common,
    )
    return kind, size


def shown(chosen: str) -> dict[str, Any]:
    """Updates, by name, with which the menus show these tokens."""
    config = config_of(chosen)
    if config.tokenizer == CHARACTERS:
        return {"kind": CHARACTERS, "size": gr.update(visible=False)}
    size = config.vocab_size
    return {
        "kind": config.tokenizer,
        "size": gr.update(value=size, choices=_offered(size), visible=True),
    }


def _offered(size: int) -> list[tuple[str, int]]:
    return [(f"{one:,}", one) for one in sorted({*VOCABULARIES, size})]
