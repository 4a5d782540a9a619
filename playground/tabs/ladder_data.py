"""The ladder as data for the Start tab: the included runs' curves, and a card for each model."""

import contextlib
from typing import Any

from lm.costs.sizes import outline
from lm.errors import Problem
from lm.inside.inspection import attention_layers
from lm.ladder import RUNGS
from lm.plan import Rung
from lm.runs.facts import text_key
from lm.tasks.rewrite import shown
from playground.figures.template import HEAD_HUES
from playground.runs.gains import COUNTED, bought, counted_lines, gains
from playground.runs.library import Library
from playground.runs.run_view import RunView

LINE = 44  # characters of what a model writes
SQUARES = 8  # characters of the drawing of what a model sees


def ladder(library: Library) -> dict[str, Any]:
    """{"models": a card and a curve each, "gains", "lines", "corpus", "text", "words"} from the included runs.

    As in `Races.state`: what each idea bought, the counted baselines, and the text.
    FLOPs are 6 for each parameter and token (Kaplan et al. 2020, section 2.1); counting has none to speak of.
    """
    views: dict[str, RunView] = {}
    for name in RUNGS:
        with contextlib.suppress(Problem):
            view = library.view(f"shipped:{name}")
            view.refresh()
            views[name] = view
    views, pairs = (
        {n: v for n, v in views.items() if RUNGS[n].rewrites is of} for of in (False, True)
    )
    records = [view.run.record for view in views.values()]
    told: dict[str, Any] = {"gains": {}, "lines": {}, "corpus": "", "text": "", "words": ""}
    if len({record.corpus.sha256 for record in records}) == 1:  # else nothing is comparable
        losses = {name: view.best for name, view in views.items() if view.best is not None}
        steps = {view.steps for name, view in views.items() if name not in COUNTED}
        compared = losses if len(steps) == 1 else {}
        said = bought(compared)
        words = f"In {steps.pop():,} steps each, {said[:1].lower()}{said[1:]}" if said else ""
        told = {
            "gains": gains(compared),
            "lines": counted_lines(records[0].baselines),
            "corpus": text_key(records[0].corpus),
            "text": records[0].corpus.title,
            "words": words,
        }
    models = [
        _pairs_model(n, rung, pairs.get(name))
        if rung.rewrites
        else _model(n, rung, views.get(name))
        for n, (name, rung) in enumerate(RUNGS.items())
    ]
    return {"models": models, **told}


def _card(number: int, rung: Rung) -> dict[str, Any]:
    """The card of a model without its run."""
    return {
        "key": rung.name,
        "title": rung.title,
        "number": number,
        "idea": rung.brief or rung.idea,
        "sees": _sees(rung),
        "hue": HEAD_HUES[number % len(HEAD_HUES)],
        "loss": None,
    }


def _pairs_model(number: int, rung: Rung, view: RunView | None) -> dict[str, Any]:
    """The card of a model that rewrites lines: its loss is of other lines, so it has no curve beside the texts.

    "right": the share of held-out lines that are exactly right; "writes": an answer.
    """
    card = _card(number, rung) | {"right": None, "of": ""}
    samples = [event["text"] for event in view.events if event["type"] == "sample"] if view else []
    if view is not None and view.right is not None:
        card |= {"right": view.right, "of": view.run.record.corpus.title}
    if samples:
        lines = shown(samples[-1])  # the shortest fits on the card with its answer
        line = min(lines, key=lambda one: len(one.source) + len(one.written))
        card["writes"] = _line(f"{line.source} → {line.written}")
    return card


def _model(number: int, rung: Rung, view: RunView | None) -> dict[str, Any]:
    """The card of a model that continues a text, with the curve of its included run."""
    card = _card(number, rung)
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
