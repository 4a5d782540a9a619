"""The fields of the form of a new sweep on the Runs tab: what each model can vary, and within which bounds."""

from math import inf
from typing import Any

from lm import sweep
from lm.ladder import RUNGS
from lm.runs.comparing import value
from lm.settings import Setting


def sweepable() -> list[dict[str, Any]]:
    """The models that train step by step, and the bounds of the other fields of the form, [least, most] each.

    {"name", "title", "settings": [[name, title, help, values that it can have, an example], ...], "sizes",
    "steps"} each.
    """
    return [
        {
            "name": rung.name,
            "title": rung.title,
            "settings": [
                [name, one.title, one.help, _possible(one), _example(one)]
                for name, one in rung.settings().items()
                if not one.is_fixed and one.group != "start"
            ],
            "sizes": [2, sweep.MOST],
            "steps": [rung.settings()["steps"].minimum, rung.settings()["steps"].maximum],
        }
        for rung in RUNGS.values()
        if "steps" in rung.settings()
    ]


def _possible(field: Setting) -> str:
    """The values that a setting can have: "1 to 12", "on, off"."""
    if field.kind == "bool":
        return "on, off"
    if field.kind == "choice":
        return ", ".join(field.choices)
    low, high = (None if end is None else value(end) for end in (field.minimum, field.maximum))
    if low is None or high is None:
        return f"from {low}" if low is not None else f"up to {high}" if high is not None else ""
    return f"{low} to {high}"


def _example(field: Setting) -> str:
    """Values around the usual one, as one types them: "2,4,8"."""
    if field.kind == "bool":
        return "on,off"
    if field.kind == "choice":
        return ",".join(field.choices[:3])
    usual = field.default or field.step or 1
    if field.scale == "1-3-10":
        around = [float(f"{usual * factor:.1g}") for factor in (1 / 3, 1, 10 / 3)]
    else:
        around = [usual / 2, usual, 2 * usual]
    low = -inf if field.minimum is None else field.minimum
    high = inf if field.maximum is None else field.maximum
    kind = int if field.kind == "int" else float
    fit = dict.fromkeys(number for one in around if low <= (number := kind(one)) <= high)
    return ",".join(f"{one:g}" for one in fit)
