"""Links: what the address of the page asks for that there is not, in one sentence.

A link names a tab, what it shows, a step of its guide and the parts to show; README.md lists the parameters,
and components/page/link.js writes them. Wrong settings are told on the model's tab
(`controls.values_from_query`); the rest is told here. The page opens in any case.
"""

import contextlib
import re
import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import gradio as gr

from lm.errors import Problem
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import describe
from lm.start import RANDOM
from playground import controls
from playground.guides import guide
from playground.looking import inside
from playground.runs.library import INCLUDED, LOCAL, Library
from playground.tabs import pretrained, tokens_tab

PARTS = ("guide", "settings", "train", "chart", "samples", "attention", "lesson")  # of focus.js
OTHERS = ("start", "tokens", "runs", "board")  # tabs that are no models
AXES = ("step", "tokens", "seconds", "FLOPs")
LOGS = ("x", "y")
COLUMNS = (  # of the list of runs (components/runs/words.js)
    *("model", "what", "best", "parameters", "seconds", "last"),
    *("text", "tokens", "seen", "status", "when", "note"),
)
HEAD = re.compile(r"([a-z_]+\.)?[1-9]\d?\.[1-9]\d?")  # layer and head, counted from 1
KNOWN_VIEWS = inside.NAMES | {"same", "two", "settings"}  # inside a model; of the Runs tab
SAMPLE = "sample_"  # before the names of the sampling settings: a training run has a seed, too
LONGEST = 5000  # characters of a prompt
# Parameters that name runs; of "run", `run_of` tells.
RUN_NAMES = ("ticked", "overlay", "prompt_run", "start")
MOST_NAMED = 20  # runs of a link that are looked for


def first(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a link by name; of a name that is given twice, the first counts, as in the browser."""
    return dict(reversed(query))


def asked(request: gr.Request) -> dict[str, str]:
    """The parameters of the link with which a page was opened."""
    return first(request.query_params.multi_items())


def wrong(query: Sequence[tuple[str, str]], more: Sequence[str] = ()) -> str:
    """One sentence on what a link asks for in vain, and on `more` of that; "" if there is nothing."""
    link = first(query)
    faults = [
        *_twice(query),
        *_model(link),
        *_settings(link),
        *_guide(link),
        *_parts(link),
        *(tokens_tab.faults(link) if link.get("tab") == tokens_tab.NAME else []),
        *_shown(link),
        *more,
    ]
    return f"The link does not fit this page: {'; '.join(faults)}." if faults else ""


def base(environment: Mapping[str, str]) -> str:
    """The address of a Space, for its frame cannot write its parent's; "" elsewhere."""
    if environment.get("SPACE_HOST") and (name := environment.get("SPACE_ID")):
        return f"https://huggingface.co/spaces/{quote(name)}"
    return ""


def run_of(link: Mapping[str, str], model: str, library: Library, faults: list[str]) -> str | None:
    """The token of the run that a link names, of this model; None, and one more fault, if there is none."""
    token = link.get("run")
    if token is None:
        return None
    if token.startswith((INCLUDED, LOCAL)):  # other tokens are for those who began their run
        try:
            run = library.view(token).run
            if run.record.model != model:
                faults.append(f"the run {reprlib.repr(token)} is of another model")
                return None
            return library.token_of(token)
        except Problem:
            pass
    faults.append(f"the run {reprlib.repr(token)} is not here")
    return None


def missing_step(link: Mapping[str, str], token: str | None, library: Library) -> list[str]:
    """That the run which a link shows has no snapshot of the link's step; [] if it has."""
    step = link.get("step", "")[:12]
    if token is None or not step.isdecimal():
        return []
    with contextlib.suppress(Problem):  # the feed tells the reason
        steps = library.view(token).run.snapshots()
        if steps and int(step) not in steps:
            return [f"the run has no snapshot of step {step}; the nearest is shown"]
    return []


def missing_heads(link: Mapping[str, str], token: str | None, library: Library) -> list[str]:
    """That the run which a link shows does not have the heads that it switches off; [] if it has."""
    heads = [one for one in link.get("off", "").split(",") if HEAD.fullmatch(one)]
    if token is None or not heads:
        return []
    with contextlib.suppress(Problem):  # the feed tells the reason
        values = library.view(token).run.plan.values()
        layers, count = values.get("n_layer", 1), values.get("n_head", 1)
        wrong = [
            one
            for one in heads
            if int(one.split(".")[-2]) > layers or int(one.split(".")[-1]) > count
        ]
        if wrong:
            return [f"the run has no head {', '.join(wrong[:3])}, so all are on"]
    return []


def gone(link: Mapping[str, str], library: Library) -> list[str]:
    """That runs, or a sweep, which a link names besides the one shown are not here; [] if all are."""
    named = [one for name in RUN_NAMES for one in link.get(name, "").split(",") if one]
    named = [one for one in dict.fromkeys(named) if one != RANDOM]
    lost = [reprlib.repr(one) for one in named[:MOST_NAMED] if not library.knows(one)]
    faults = [f"the run {one} is not here" for one in lost]
    if len(lost) > 1:
        faults = [f"the runs {', '.join(lost[:3])} are not here"]
    if sweep := link.get("sweep"):
        try:
            library.sweep_folder(sweep)
        except Problem:
            faults.append(f"the sweep {reprlib.repr(sweep)} is not here")
    return faults


def written(link: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """The prompt and the sampling settings of a link, by name; those that cannot be used add to the faults."""
    found: dict[str, Any] = {}
    if "prompt" in link:
        found["prompt"] = link["prompt"][:LONGEST]
    unusable = []
    for field in describe(SamplingConfig):
        text = link.get(SAMPLE + field.name)
        if text is None:
            continue
        try:
            found[field.name] = controls.parsed(field, text)
        except ValueError:
            unusable.append(SAMPLE + field.name)
    if unusable:
        faults.append(f"it has values that cannot be used: {', '.join(unusable)}")
    return found


def _shown(link: dict[str, str]) -> list[str]:
    faults = []
    if link.get("tab", "start") not in OTHERS:
        faults.append(f"there is no tab {reprlib.repr(link['tab'])}")
    if link.get("axis", "step") not in AXES:
        faults.append(f"axis is one of {', '.join(AXES)}")
    if not set(filter(None, link.get("log", "").split(","))) <= set(LOGS):
        faults.append("log is x, y, or x,y")
    if link.get("view", "next") not in KNOWN_VIEWS:
        faults.append(f"there is no view {reprlib.repr(link['view'])}")
    if not link.get("step", "0").isdecimal():
        faults.append("step is a whole number")
    if "zoom" in link and not _is_zoom(link["zoom"]):
        faults.append("zoom is the two ends of the x axis and of the y axis, as zoom=0,500,1,2")
    if not all(map(HEAD.fullmatch, filter(None, link.get("off", "").split(",")))):
        faults.append("off names heads by layer and head, as off=1.4,2.1")
    if link.get("sort", "when").removeprefix("-") not in COLUMNS:
        faults.append(f"sort is one of {', '.join(COLUMNS)}")
    return faults


def _is_zoom(text: str) -> bool:
    """Whether a text is two pairs of numbers, the smaller first in each."""
    with contextlib.suppress(ValueError):
        left, right, low, high = map(float, text.split(","))
        return left < right and low < high
    return False


def _twice(query: Sequence[tuple[str, str]]) -> list[str]:
    counts = Counter(name for name, _ in query)
    names = [reprlib.repr(name).strip("'") for name, count in counts.items() if count > 1]
    return (
        [f"it gives {', '.join(names[:3])} more than once, and the first counts"] if names else []
    )


def _model(link: dict[str, str]) -> list[str]:
    name, models = link.get("model"), pretrained.with_pretrained()
    if name is None or name in models:
        return []
    return [f"there is no model {reprlib.repr(name)}; it has {', '.join(models)}"]


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
    on_tokens = tokens_tab.NAME if link.get("tab") == tokens_tab.NAME else None
    step, place = link.get("guide"), link.get("model", on_tokens)
    if step is None:
        return []
    if place is None:
        return ["a step of a guide needs its model, as in ?model=bigram&guide=step"]
    known = [*pretrained.with_pretrained(), on_tokens]
    steps = guide(place) if place in known else None
    if steps is None or steps.named(step) is not None:
        return []
    there = ", ".join(one.id for one in steps.step)
    return [f"this guide has no step {reprlib.repr(step)}; it has {there}"]


def _parts(link: dict[str, str]) -> list[str]:
    unknown = [name for name in link.get("show", "").split(",") if name and name not in PARTS]
    faults = []
    if unknown:
        told = ", ".join(map(reprlib.repr, unknown[:3]))
        faults.append(f"it cannot show {told}, only {', '.join(PARTS)}")
    if link.get("present", "1") not in ("0", "1"):
        faults.append("present is 1 or 0")
    return faults
