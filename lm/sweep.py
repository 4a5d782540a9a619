"""Sweeps: plans that differ in one or two settings, or in size, to be trained one after the other.

Only plans are made here; `lm/commands/sweep.py` and the page train them. The same seed and settings make the
same run, so whoever repeats a sweep gets its points again. Where a sweep lies: `lm/runs/sweeps.py`.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm import ladder
from lm.costs.sizes import count_parameters, outline
from lm.errors import SettingsProblem
from lm.plan import Plan, Rung
from lm.runs.comparing import value
from lm.runs.sweeps import Sweep
from lm.settings import Naming, Setting, no_such
from lm.start import RANDOM

MOST = 50  # runs of a sweep, unless a person allows more
SIZE = ("n_embd", "n_head", "n_layer")  # chosen together where sizes are swept
WIDTH_OF_A_LAYER = 32  # a model as wide as this has one layer, one of twice the width two
HEAD_SIZE = 16  # numbers of a head at least, if the model is that wide
# From one embedding size that is tried to the next: below 32 two more, below 64 four more, and so on.
WIDER = ((32, 2), (64, 4), (128, 8), (512, 16), (math.inf, 32))


class TooManyRuns(SettingsProblem):
    """A sweep of more runs than are allowed."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep: the name of its directory, the settings that make it differ, and its plan."""

    name: str
    settings: dict[str, Any]
    plan: Plan

    @property
    def title(self) -> str:
        """ "layers 4, embedding size 64"."""
        fields = self.plan.rung.settings()
        return ", ".join(f"{fields[n].spoken} {value(v)}" for n, v in self.settings.items())


# One setting or two


def parse(rung: Rung, words: Sequence[str], named: Naming = str) -> dict[str, tuple[Any, ...]]:
    """ "n_layer=1,2,4" as a setting and its values; `SettingsProblem` says what is wrong with one.

    named: how the sentence calls a setting; by the name that was typed, if left out.
    Values are checked where the plans are made (`points`), so that each is refused with its own sentence.
    """
    fields = {n: one for n, one in rung.settings().items() if one.group != "start"}
    varied = dict[str, tuple[Any, ...]]()
    for word in words:
        name, equals, values = word.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not values.strip():
            raise SettingsProblem(
                f"{word!r} names no values: write a setting and its values, as n_embd=32,64."
            )
        if name not in fields:
            raise SettingsProblem(no_such(name, fields))
        if name in varied:
            raise SettingsProblem(f"{named(name)} is varied twice: give all its values at once.")
        read = tuple(_value(fields[name], text.strip()) for text in values.split(","))
        if len(set(read)) < len(read):
            raise SettingsProblem(f"{named(name)} has a value twice in {values!r}: leave one out.")
        varied[name] = read
    return varied


def _value(field: Setting, text: str) -> Any:
    """A value as the setting has it; text that is none stays text, which the setting then refuses."""
    try:
        if field.kind == "int":
            return int(text)
        if field.kind == "float":
            return float(text)
    except ValueError:
        return text
    if field.kind == "bool":
        return {"on": True, "true": True, "off": False, "false": False}.get(text.lower(), text)
    return text


def points(
    rung: Rung,
    varied: Mapping[str, Sequence[Any]],
    recipe: str | None = None,
    given: Mapping[str, Any] | None = None,
    most: int = MOST,
) -> list[Point]:
    """Every combination of the values, as plans; the last setting changes quickest.

    `SettingsProblem` on a value that the setting refuses; `TooManyRuns` of more than `most` combinations.
    """
    given = _given(given)
    if not varied:
        raise SettingsProblem("There is nothing to vary: name a setting and its values.")
    if both := sorted(varied.keys() & given.keys()):
        raise SettingsProblem(f"{both[0]} is varied and given: leave one out.")
    _check_count(math.prod(len(values) for values in varied.values()), most)
    made = []
    for values in itertools.product(*varied.values()):
        settings = dict(zip(varied, values, strict=True))
        made.append(Point(name_of(settings), settings, rung.plan(recipe, **given | settings)))
    return made


def _given(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings that all runs of a sweep share; `SettingsProblem` if they would start from another run."""
    given = dict(given or {})
    if given.get("start", RANDOM) != RANDOM:
        raise SettingsProblem("The runs of a sweep start from random numbers: leave the start out.")
    return given


def again(saved: Sweep) -> list[Point]:
    """The points of a sweep as sweep.json describes them; `SettingsProblem` if they can no longer be made."""
    rung = ladder.rung(saved.model)
    return [
        Point(
            one.directory,
            one.settings,
            rung.plan(saved.recipe, **saved.given | one.settings),
        )
        for one in saved.points
    ]


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise TooManyRuns(
            f"That would be {count:,} runs, and a sweep has at most {most:,}: choose fewer."
        )


def name_of(settings: Mapping[str, Any]) -> str:
    """The directory of a point: "n_layer-4_learning_rate-0.003"."""
    told = (f"{name}-{value(one).replace(',', '')}" for name, one in settings.items())
    return re.sub(r"[^A-Za-z0-9_.-]", "-", "_".join(told))


# Sizes


def sizes(
    rung: Rung,
    count: int,
    vocab_size: int,
    *,
    smallest: int = 3_000,
    largest: int = 1_000_000,
    recipe: str | None = None,
    given: Mapping[str, Any] | None = None,
    most: int = MOST,
) -> list[Point]:
    """So many plans of growing size, as evenly spaced in log parameters as sizes can be.

    Depth and width grow together, as in models that are built for use: a layer for each 32 numbers of width,
    and heads of at least 16. All else is equal, so all are trained on the same number of tokens.
    smallest, largest: parameters, which are met as nearly as the model's widths allow.
    """
    given = _given(given)
    if fixed := sorted(given.keys() & set(SIZE)):
        raise SettingsProblem(f"The sizes of a scaling sweep include {fixed[0]}: do not give it.")
    if "n_embd" not in rung.settings():
        raise SettingsProblem(f"{rung.title} has no embedding size that could grow.")
    if not 0 < smallest < largest:
        raise SettingsProblem("The largest size must be above the smallest, which is above 0.")
    if count < 2:
        raise SettingsProblem(f"A sweep of sizes needs at least 2, not {count}.")
    _check_count(count, most)
    found = _candidates(rung, vocab_size, largest, recipe, given)
    low, high = max(smallest, min(found)), min(largest, max(found))
    wanted = [low * (high / low) ** (i / (count - 1)) for i in range(count)]
    chosen = sorted({_nearest(list(found), size) for size in wanted})
    if len(chosen) < count:
        raise SettingsProblem(
            f"Between {smallest:,} and {largest:,} parameters {rung.title} has {len(chosen)} sizes far enough "
            f"apart, not {count}: choose fewer sizes, or ones further apart."
        )
    return [found[size] for size in chosen]


def _candidates(
    rung: Rung, vocab_size: int, largest: int, recipe: str | None, given: Mapping[str, Any]
) -> dict[int, Point]:
    """Plans of growing width by their parameters, up to the first beyond `largest`."""
    fields = rung.settings()
    found: dict[int, Point] = {}
    width = 4
    while width <= (fields["n_embd"].maximum or math.inf):
        settings = _shape(fields, width)
        try:
            plan = rung.plan(recipe, **dict(given) | settings)
        except SettingsProblem:
            if not found and width > 64:  # none of the others would do, either
                raise
        else:
            size = count_parameters(outline(plan, vocab_size))
            found[size] = Point(name_of(settings), settings, plan)
            if size > largest:
                break
        width += next(step for below, step in WIDER if width < below)
    return found


def _shape(fields: Mapping[str, Setting], width: int) -> dict[str, Any]:
    """The settings of a model of this width: its heads and its layers, as far as the model has them."""
    heads = max(
        (h for h in range(1, width + 1) if width % (2 * h) == 0 and width // h >= HEAD_SIZE),
        default=1,
    )
    layers = max(1, round(width / WIDTH_OF_A_LAYER))
    deepest = fields["n_layer"].maximum if "n_layer" in fields else None
    wanted = {"n_embd": width, "n_head": heads, "n_layer": min(layers, int(deepest or layers))}
    return {name: number for name, number in wanted.items() if name in fields}


def _nearest(known: Sequence[int], wanted: float) -> int:
    return min(known, key=lambda size: abs(math.log(size / wanted)))
