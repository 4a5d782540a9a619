"""The ladder as data for the Start tab: the included runs' curves, and a card for each model."""

import contextlib
from typing import Any

from lm.errors import Problem
from lm.inspection import attention_layers
from lm.ladder import RUNGS
from lm.plan import Rung
from lm.sizes import outline
from playground.figures.template import HEAD_HUES
from playground.library import Library
from playground.race import bought
from playground.run_view import RunView

LINE = 44  # characters of what a model writes
SQUARES = 8  # characters of the drawing of what a model sees


def ladder(library: Library) -> dict[str, Any]:
    """{"models": a card and a curve each, "lines": the counted baselines, "words"} from the included runs.

    FLOPs are 6 for each parameter and token (Kaplan et al. 2020, section 2.1); counting has none to speak of.
    """
    views: dict[str, RunView] = {}
    for name in RUNGS:
        with contextlib.suppress(Problem):
            view = library.view(f"shipped:{name}")
            view.refresh()
            views[name] = view
    models: list[dict[str, Any]] = []
    before: float | None = None
    for number, (name, rung) in enumerate(RUNGS.items()):
        found = views.get(name)
        loss = found.best if found else None
        gain = before - loss if before is not None and loss is not None else None
        models.append(_model(number, rung, found, gain))
        if loss is not None and name != "ngram":
            before = loss
    baselines = next((view.run.record.baselines for view in views.values()), {})
    vocab = next((view.run.record.vocab_size for view in views.values()), 0)
    lines = {
        f"knows nothing: 1 in {vocab}": baselines.get("uniform"),
        "counted pairs": baselines.get("bigram"),
        "counted 5-grams": baselines.get("5-gram"),
    }
    known = {model["key"]: model["loss"] for model in models if model["loss"] is not None}
    return {
        "models": models,
        "lines": {k: v for k, v in lines.items() if v is not None},
        "words": bought(known),
    }


def _model(number: int, rung: Rung, view: RunView | None, gain: float | None) -> dict[str, Any]:
    """The card of a model; gain: what its idea bought, in nats, against the model before it."""
    card: dict[str, Any] = {
        "key": rung.name,
        "title": rung.title,
        "number": number,
        "idea": rung.brief or rung.idea,
        "sees": _sees(rung),
        "hue": HEAD_HUES[number % len(HEAD_HUES)],
        "loss": None,
    }
    if view is None:
        return card
    curve, record = view.evaluations(), view.run.record
    start = record.baselines.get("uniform")
    steps, losses, seconds = curve["step"], curve["loss"], curve["seconds"]
    if start is not None and (not steps or steps[0] > 0):
        steps, losses, seconds = [0, *steps], [start, *losses], [0.0, *seconds]
    each = record.tokens_per_step * record.parameters * 6
    samples = [event["text"] for event in view.events if event["type"] == "sample"]
    return card | {
        "loss": view.best,
        "gain": gain,
        "writes": _line(samples[-1]) if samples else "",
        "curve": {
            "step": steps,
            "seconds": [round(s, 2) for s in seconds],
            "flops": [step * each for step in steps],
            "loss": [round(loss, 4) for loss in losses],
        },
        "flops_per_step": each,
    }


def _sees(rung: Rung) -> list[float]:
    """How well each of the last characters can be seen, the current one last: 0 to 1."""
    settings = rung.settings()
    if "order" in settings:  # counted n-grams end with the token that is predicted
        seen = int(settings["order"].default) - 1
        return [1.0 if place >= SQUARES - seen else 0.0 for place in range(SQUARES)]
    earlier = 0.55 if attention_layers(outline(rung.plan(), 65)) else 0.0
    return [earlier] * (SQUARES - 1) + [1.0]


def _line(text: str) -> str:
    """The first lines of a sample that hold something, up to `LINE` characters."""
    words = " ".join(text.split())
    return words if len(words) <= LINE else f"{words[:LINE].rsplit(' ', 1)[0]} …"
