"""Composes the page: the header with the choice of text, and one tab for each registered model."""

from typing import Any

import gradio as gr

from lm.errors import Problem
from lm.models import RUNGS
from playground import components, controls, corpus_choice, model_tab
from playground.actions import notice
from playground.services import Services

TITLE = "Language models from scratch"


def build(services: Services) -> gr.Blocks:
    """The whole page as Gradio blocks, not yet launched."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        tokens = {name: model_tab.remembered_run(rung) for name, rung in RUNGS.items()}
        corpus, share = corpus_choice.header(TITLE, services, changed=_all_stale())
        components.ladder_notes(_best_losses(services))
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

        def watch(*remembered: Any) -> None:
            for token in remembered:
                if services.workers.is_live(str(token)):
                    services.workers.view(str(token))

        quiet: dict[str, Any] = {"queue": False, "api_visibility": "private"}
        page.load(open_ladder, list(tokens.values()), ladder, **quiet)
        # A tab that was never opened polls nothing; its run is watched all the same.
        gr.Timer(30).tick(watch, list(tokens.values()), None, show_progress="hidden", **quiet)
        for tab in tabs:
            _restore_on_load(page, tab, corpus, share)
        _estimate_until_measured(page, services, tabs, corpus)
    return page


def _estimate_until_measured(
    page: gr.Blocks, services: Services, tabs: list[model_tab.Tab], corpus: Any
) -> None:
    """Tell the predicted times again while this machine is being measured, for those who came early."""
    quiet: dict[str, Any] = {"queue": False, "api_visibility": "private"}
    clock = gr.Timer(8)
    for tab in tabs:
        inputs = [corpus, *tab.controls]
        clock.tick(tab.actions.estimate, inputs, tab.estimate, show_progress="hidden", **quiet)

    def still() -> gr.Timer:
        pace = 30 if services.workers.running() else 8  # whoever trains has the cores
        return gr.Timer(pace, active=not services.measured)

    gr.on([page.load, clock.tick], still, None, clock, show_progress="hidden", **quiet)


def _restore_on_load(page: gr.Blocks, tab: model_tab.Tab, corpus: Any, share: gr.HTML) -> None:
    quiet: dict[str, Any] = {"queue": False, "api_visibility": "private"}

    def restore(token: Any, chosen: Any, request: gr.Request) -> list[Any]:
        try:
            return tab.actions.restore(token, chosen, dict(request.query_params))
        except Problem as problem:
            kept = [gr.skip()] * (1 + len(controls.settings_of(tab.rung)))
            return [gr.skip(), gr.skip(), gr.skip(), notice(str(problem)), *kept]

    def link(request: gr.Request, *values: Any) -> Any:
        asked = dict(request.query_params).get("model") == tab.rung.name
        return tab.actions.name(*values)[0] if asked else gr.skip()

    inputs = [tab.token, corpus]
    restored = page.load(restore, inputs, tab.outputs, show_progress="hidden", **quiet)
    restored.then(link, tab.controls, share, show_progress="hidden", **quiet)
    inputs = [corpus, *tab.controls]
    page.load(tab.actions.estimate, inputs, tab.estimate, show_progress="hidden", **quiet)


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
