"""Composes the page: the header with the choice of text, Start, and one tab for each registered model."""

import gradio as gr

from playground.services import Services
from playground.tabs import (
    board_tab,
    corpus_choice,
    ladder_tabs,
    model_tab,
    opening,
    pairs_choice,
    pretrained,
    runs_tab,
    start_tab,
    tokens_tab,
)
from playground.tokens import CHARACTERS

TITLE = "Language models from scratch"
# Seconds between two looks at uploaded files, and their age when they are deleted.
UPLOADS = 300, 600


def build(services: Services) -> gr.Blocks:
    """The whole page as Gradio blocks, not yet launched."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=UPLOADS
    ) as page:
        rungs = pretrained.with_pretrained()
        runs = {name: model_tab.remembered_run(rung) for name, rung in rungs.items()}
        pairs = pairs_choice.remembered()
        corpus, tokens = corpus_choice.header(page, TITLE, services, pairs)
        # Pairs are rewritten character by character.
        learned: dict[bool, tuple[gr.BrowserState, gr.BrowserState | gr.State]] = {
            False: (corpus, tokens),
            True: (pairs, gr.State(CHARACTERS)),
        }
        ladder_tabs.notes(services)
        told = opening.sentence()
        with gr.Tabs(elem_classes="ladder", elem_id="ladder") as ladder:
            start_tab.build(page, services, corpus)
            tokens_tab.build(services)
            tabs = [
                model_tab.build(rung, number, services, runs[rung.name], *learned[rung.rewrites])
                for number, rung in enumerate(rungs.values())
            ]
            runs_tab.build(services)
            if services.board:
                board_tab.build(services.board)
        ladder_tabs.keep_watched(runs)
        opening.connect(page, opening.Opening(tabs, ladder, told, services))
    return page
