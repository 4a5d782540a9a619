"""Composes the page: the header with the choice of text, and one tab for each registered model."""

from typing import Any

import gradio as gr

from lm.errors import Problem
from lm.ladder import RUNGS
from playground import components, corpus_choice, model_tab
from playground.actions import notice
from playground.services import Services

TITLE = "Language models from scratch"


def build(services: Services) -> gr.Blocks:
    """The whole page as Gradio blocks, not yet launched."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        tokens = {name: model_tab.remembered_run(rung) for name, rung in RUNGS.items()}
        corpus, share = corpus_choice.header(TITLE, services, changed=_all_stale())

        def keep_alive(runs: list[Any]) -> None:
            for token in runs if isinstance(runs, list) else []:
                if services.workers.is_live(str(token)):
                    services.workers.view(str(token))

        components.ladder_notes(_best_losses(services), keep_alive)
        with gr.Tabs(elem_classes="ladder", elem_id="ladder") as ladder:
            tabs = [
                model_tab.build(rung, number, services, tokens[rung.name], corpus, share)
                for number, rung in enumerate(RUNGS.values())
            ]

        def open_ladder(request: gr.Request, *remembered: Any) -> Any:
            asked = dict(request.query_params).get("model")
            live = [
                name
                for name, token in zip(RUNGS, remembered, strict=True)
                if services.workers.is_live(str(token))
            ]
            first = asked if asked in RUNGS else next(iter(live), None)
            return gr.Tabs(selected=first) if first else gr.skip()

        page.load(open_ladder, list(tokens.values()), ladder, **model_tab.QUICK)
        # A tab that was never opened polls nothing; its run is watched all the same.
        watch = "(...tokens) => { Playground.keepAlive(tokens) }"
        gr.Timer(30).tick(None, list(tokens.values()), None, js=watch)
        for tab in tabs:
            _restore_on_load(page, tab, corpus, share)
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
        pace = 30 if services.workers.running() else 8  # whoever trains has the cores
        return gr.Timer(pace, active=not services.measured)

    clock = gr.Timer(8)
    page.load(still, None, clock, **model_tab.QUICK)
    inputs = [corpus, *(control for tab in tabs for control in tab.controls)]
    clock.tick(tell, inputs, [*(tab.estimate for tab in tabs), clock], **model_tab.QUICK)


def _restore_on_load(page: gr.Blocks, tab: model_tab.Tab, corpus: Any, share: gr.HTML) -> None:
    def restore(token: Any, chosen: Any, request: gr.Request) -> list[Any]:
        try:
            shown = tab.actions.restore(token, chosen, dict(request.query_params))
        except Problem as problem:
            kept = [gr.skip()] * (2 + len(tab.controls))
            return [gr.skip(), gr.skip(), gr.skip(), notice(str(problem)), *kept]
        return [*shown, tab.actions.estimate(chosen, *shown[-len(tab.controls) :])]

    def link(request: gr.Request, *values: Any) -> Any:
        asked = dict(request.query_params).get("model") == tab.rung.name
        return tab.actions.name(*values)[0] if asked else gr.skip()

    inputs = [tab.token, corpus]
    restored = page.load(restore, inputs, [*tab.outputs, tab.estimate], **model_tab.QUICK)
    restored.then(link, tab.controls, share, **model_tab.QUICK)


def _all_stale() -> str:
    """JavaScript that marks what every tab shows as learned from another text than the chosen one."""
    calls = " ".join(f"Playground.stale('{name}', true);" for name in RUNGS)
    return f"() => {{ {calls} }}"


def _best_losses(services: Services) -> dict[str, str]:
    """What stands under each tab's title until the tab is opened: the shipped run's best loss."""
    notes = {}
    for name in RUNGS:
        token = services.workers.shipped(name)
        answer = services.workers.answer(token) if token else {}
        if answer.get("best"):
            notes[f"rung-{name}"] = f"{answer['best']:.2f}"
    return notes
