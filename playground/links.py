"""Links: what the address of the page asks for that there is not, in one sentence.

A link names a model, its settings, a step of its guide and the parts to show. Wrong settings are told on the
model's tab (`controls.values_from_query`); the rest is told here. The page opens in any case.
"""

import reprlib
from collections import Counter
from collections.abc import Sequence

import gradio as gr

from lm.ladder import RUNGS
from playground.guides import guide

PARTS = ("guide", "settings", "train", "chart", "samples", "attention", "lesson")  # of focus.js


def first(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a link by name; of a name that is given twice, the first counts, as in the browser."""
    return dict(reversed(query))


def asked(request: gr.Request) -> dict[str, str]:
    """The parameters of the link with which a page was opened."""
    return first(request.query_params.multi_items())


def wrong(query: Sequence[tuple[str, str]]) -> str:
    """One sentence on what a link asks for in vain; "" if there is nothing."""
    link = first(query)
    faults = [*_twice(query), *_model(link), *_settings(link), *_guide(link), *_parts(link)]
    return f"The link does not fit this page: {'; '.join(faults)}." if faults else ""


def _twice(query: Sequence[tuple[str, str]]) -> list[str]:
    counts = Counter(name for name, _ in query)
    names = [reprlib.repr(name).strip("'") for name, count in counts.items() if count > 1]
    return (
        [f"it gives {', '.join(names[:3])} more than once, and the first counts"] if names else []
    )


def _model(link: dict[str, str]) -> list[str]:
    name = link.get("model")
    if name is None or name in RUNGS:
        return []
    return [f"there is no model {reprlib.repr(name)}"]


def _settings(link: dict[str, str]) -> list[str]:
    """Settings without the model that they belong to; on a model's tab, its own sentence tells wrong ones."""
    if "model" in link:
        return []
    owners = {
        name: model
        for model, rung in reversed(RUNGS.items())
        for name in rung.settings()
        if name in link
    }
    if not owners:
        return []
    name, model = next(iter(owners.items()))
    return [f"{name} is a setting and needs its model, as in ?model={model}&{name}=…"]


def _guide(link: dict[str, str]) -> list[str]:
    step, model = link.get("guide"), link.get("model")
    if step is None:
        return []
    if model is None:
        return ["a step of a guide needs its model, as in ?model=bigram&guide=step"]
    steps = guide(model) if model in RUNGS else None
    if steps is None or steps.named(step) is not None:
        return []
    known = ", ".join(one.id for one in steps.step)
    return [f"the guide of this model has no step {reprlib.repr(step)}; it has {known}"]


def _parts(link: dict[str, str]) -> list[str]:
    unknown = [name for name in link.get("show", "").split(",") if name and name not in PARTS]
    faults = []
    if unknown:
        told = ", ".join(map(reprlib.repr, unknown[:3]))
        faults.append(f"it cannot show {told}, only {', '.join(PARTS)}")
    if link.get("present", "1") not in ("0", "1"):
        faults.append("present is 1 or 0")
    return faults
