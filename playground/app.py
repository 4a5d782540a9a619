"""Composes the page: the header with the choice of text, and one tab for each registered model."""

import itertools
from typing import Any

import gradio as gr

from lm.ladder import RUNGS
from playground import corpus_choice, ladder_tabs, model_tab
from playground.actions import UNSETTLED
from playground.services import Services

TITLE = "Language models from scratch"
REFRESH, REFRESH_IN_RUNS = 3.0, 30.0  # seconds; nothing is timed while a run trains


def build(services: Services) -> gr.Blocks:
    """The whole page as Gradio blocks, not yet launched."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        tokens = {name: model_tab.remembered_run(rung) for name, rung in RUNGS.items()}
        changed = ladder_tabs.all_stale()
        corpus, share = corpus_choice.header(page, TITLE, services, changed)
        ladder_tabs.notes(services)
        with gr.Tabs(elem_classes="ladder", elem_id="ladder") as ladder:
            tabs = [
                model_tab.build(rung, number, services, tokens[rung.name], corpus, share)
                for number, rung in enumerate(RUNGS.values())
            ]
        ladder_tabs.open_on_load(page, ladder, tokens, services)
        ladder_tabs.keep_watched(tokens)
        for tab in tabs:
            model_tab.restore_on_load(page, tab)
        _refresh_estimates(services, tabs, corpus)
    return page


def _refresh_estimates(services: Services, tabs: list[model_tab.Tab], corpus: Any) -> None:
    """Ask for the estimates again while a timing is to come: for all tabs in one event, which is cheaper."""
    sizes = [len(tab.controls) for tab in tabs]
    clock = gr.Timer(REFRESH)

    def refresh(chosen: Any, *values: Any) -> dict[Any, Any]:
        left, told = iter(values), {}
        for tab, size in zip(tabs, sizes, strict=True):
            told[tab.estimate] = tab.actions.estimate(chosen, *itertools.islice(left, size))
        pace = REFRESH_IN_RUNS if services.supervisor.running() else REFRESH
        return {**told, clock: gr.Timer(pace, active=any(map(_unsettled, told.values())))}

    inputs = [corpus, *(control for tab in tabs for control in tab.controls)]
    clock.tick(refresh, inputs, [*(tab.estimate for tab in tabs), clock], **model_tab.QUICK)
    for tab in tabs:
        tab.estimate.change(
            lambda told: gr.Timer(REFRESH, active=True) if _unsettled(told) else gr.skip(),
            tab.estimate,
            clock,
            **model_tab.QUICK,
        )


def _unsettled(estimate: str) -> bool:
    return UNSETTLED in estimate
