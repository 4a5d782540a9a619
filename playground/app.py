"""Composes the page: the header with the choice of text, and one tab for each registered model."""

from typing import Any

import gradio as gr

from lm.ladder import RUNGS
from playground import corpus_choice, ladder_tabs, model_tab
from playground.services import Services

TITLE = "Language models from scratch"


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
        _estimate_until_measured(page, services, tabs, corpus)
    return page


def _estimate_until_measured(
    page: gr.Blocks, services: Services, tabs: list[model_tab.Tab], corpus: Any
) -> None:
    """Tell the predicted times again while this machine is being measured, for those who came early."""
    sizes = [len(tab.controls) for tab in tabs]

    def tell(chosen: Any, *values: Any) -> list[Any]:
        """Every tab's estimate, in one event: each event of Gradio's tells the whole page how it stands."""
        starts = [sum(sizes[:number]) for number in range(len(tabs))]
        estimates = [
            tab.actions.estimate(chosen, *values[start : start + size])
            for tab, start, size in zip(tabs, starts, sizes, strict=True)
        ]
        return [*estimates, still()]

    def still() -> gr.Timer:
        pace = 30 if services.supervisor.running() else 8  # whoever trains has the cores
        return gr.Timer(pace, active=not services.measured)

    clock = gr.Timer(8)
    page.load(still, None, clock, **model_tab.QUICK)
    inputs = [corpus, *(control for tab in tabs for control in tab.controls)]
    clock.tick(tell, inputs, [*(tab.estimate for tab in tabs), clock], **model_tab.QUICK)
