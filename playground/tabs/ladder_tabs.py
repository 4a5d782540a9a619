"""The row of tabs, one for each rung: which one opens first, the losses on them, and keeping runs watched."""

import contextlib
from collections.abc import Mapping
from typing import Any

import gradio as gr

from lm.errors import Problem
from lm.ladder import RUNGS
from lm.runs.facts import text_key
from lm.tasks import KINDS
from playground import components
from playground.services import Services

MOST_WATCHED = 100  # runs that one page keeps watched at once


def notes(services: Services) -> None:
    """The second line of each tab until it is opened: the best loss of its included run.

    A tab that was never opened polls nothing, so its script also sends the tokens of the runs to keep watched.
    """

    def keep_alive(runs: list[Any]) -> None:
        for token in runs[:MOST_WATCHED] if isinstance(runs, list) else []:
            if isinstance(token, str):
                services.supervisor.watch(token)

    def count(_: Any) -> int:
        return services.comparison.count()

    best: dict[str, dict[str, Any]] = {
        "rung-start": {"words": "the ladder"},
        "rung-tokens": {"words": "how text is cut"},
    }
    for name in RUNGS:
        with contextlib.suppress(Problem):
            view = services.library.view(f"shipped:{name}")
            view.refresh()
            best[f"rung-{name}"] = {
                "loss": view.best,
                "right": view.right,
                "text": text_key(view.run.record.corpus),
            }
    models = [name for name, rung in RUNGS.items() if rung.rewrites]
    tasks = [name for name, kind in KINDS.items() if kind.pairs]
    components.ladder_notes(best, keep_alive, count, [models, tasks])


def keep_watched(tokens: Mapping[str, gr.BrowserState]) -> None:
    """Twice a minute, tell the server which runs this page remembers."""
    watch = "(...tokens) => { Playground.keepAlive(tokens) }"
    gr.Timer(30).tick(None, list(tokens.values()), None, js=watch)
