"""A clock that asks for the estimates of all tabs again while a timing is to come."""

import itertools
from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.actions import UNSETTLED
from playground.model_tab import QUICK, Tab
from playground.services import Services

REFRESH, REFRESH_IN_RUNS = 5.0, 30.0  # seconds; nothing is timed while a run trains


def build(services: Services, tabs: Sequence[Tab], corpus: gr.BrowserState) -> None:
    """Ask for all tabs in one event, which costs less than an event for each."""
    sizes = [len(tab.controls) for tab in tabs]
    clock = gr.Timer(REFRESH)

    def refresh(chosen: Any, *values: Any) -> dict[Any, Any]:
        left, told = iter(values), {}
        for tab, size in zip(tabs, sizes, strict=True):
            told[tab.estimate] = tab.actions.estimate(chosen, *itertools.islice(left, size))
        pace = REFRESH_IN_RUNS if services.supervisor.running() else REFRESH
        return {**told, clock: gr.Timer(pace, active=any(map(_unsettled, told.values())))}

    inputs = [corpus, *(control for tab in tabs for control in tab.controls)]
    clock.tick(refresh, inputs, [*(tab.estimate for tab in tabs), clock], **QUICK)
    for tab in tabs:
        tab.estimate.change(
            lambda told: gr.Timer(REFRESH, active=True) if _unsettled(told) else gr.skip(),
            tab.estimate,
            clock,
            **QUICK,
        )


def _unsettled(estimate: str) -> bool:
    return UNSETTLED in estimate
