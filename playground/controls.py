"""Config fields to Gradio controls, and their values back to a plan.

Nothing about a setting is written here: title, bounds, step and help come from its field in `lm`. The
page narrows the sliders to what still trains while one watches; the checks are those of the config class.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from lm.errors import SettingsProblem
from lm.plan import Plan, Rung
from lm.settings import Setting, describe

LEARNING_RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]  # 1-3-10, as people step them
GROUPS = {
    "model": "Model",
    "architecture": "Architecture",
    "optimiser": "Optimiser",
    "regularisation": "Regularisation",
    "run": "Run",
}


def settings_of(rung: Rung) -> dict[str, Setting]:
    """Every setting of a rung, its own before those of training, with this rung's defaults."""
    training = rung.training.model_dump()
    own = {field.name: field for field in describe(rung.config)}
    shared = {
        field.name: _with_default(field, training[field.name])
        for field in describe(type(rung.training))
    }
    return own | shared


def control(field: Setting, elem_id: str, value: Any = None) -> gr.components.Component:
    """The control a setting is made with: a slider where it has a range, else a choice or a box."""
    value = field.default if value is None else value
    common: dict[str, Any] = {"label": field.title, "elem_id": elem_id, "interactive": True}
    if field.kind == "choice":
        return gr.Dropdown(list(field.choices), value=value, info=field.help, **common)
    if field.kind == "bool":
        return gr.Checkbox(value=value, info=field.help, **common)
    if field.scale == "135":
        rates = sorted({*LEARNING_RATES, field.default, value})
        choices = [(f"{rate:g}", rate) for rate in rates]
        return gr.Dropdown(choices, value=value, info=field.help, allow_custom_value=True, **common)
    low, high = live_bounds(field)
    if high - low > 10**6:  # a seed: nobody drags one
        return gr.Number(value, minimum=low, maximum=high, precision=0, info=field.help, **common)
    return gr.Slider(low, high, value, step=field.step or 1, info=field.help, buttons=[], **common)


def live_bounds(field: Setting) -> tuple[float, float]:
    """Where the page's slider begins and ends: on the field's step, never past its live maximum."""
    low = field.minimum if field.minimum is not None else 0
    high = field.live_maximum if field.live_maximum is not None else math.inf
    return low, high


def plan_of(rung: Rung, values: Sequence[Any]) -> Plan:
    """A plan from the values of a rung's controls, in their order; `SettingsProblem` if it cannot work."""
    names = list(settings_of(rung))
    if len(values) != len(names):
        raise SettingsProblem(f"This rung has {len(names)} settings; {len(values)} came.")
    given = {
        n: rate_of(v) if f.scale == "135" else v
        for (n, f), v in zip(settings_of(rung).items(), values, strict=True)
    }
    own = set(rung.config.model_fields)
    for name, value in given.items():
        if value is None or value == "":
            raise SettingsProblem(f"{settings_of(rung)[name].title} is empty: give it a value.")
    return Plan(
        rung=rung,
        config=rung.config.make(**{k: v for k, v in given.items() if k in own}),
        training=type(rung.training).make(**{k: v for k, v in given.items() if k not in own}),
    )


def rate_of(value: Any) -> Any:
    """A learning rate from its control: one that was typed, not picked, comes as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def values_of(plan: Plan) -> list[Any]:
    """The values for a rung's controls that make this plan; beyond a slider's end, its end."""
    values = plan.config.model_dump() | plan.training.model_dump()
    return [_onto_slider(field, values[name]) for name, field in settings_of(plan.rung).items()]


def values_from_query(rung: Rung, query: Mapping[str, str]) -> tuple[list[Any], str | None]:
    """Values for the controls from URL parameters, and a sentence if some of them made no sense.

    Parameters that are missing take their defaults; unknown ones are ignored, as in any link.
    """
    values, wrong = [], []
    for name, field in settings_of(rung).items():
        value = field.default
        if name in query:
            try:
                value = _onto_slider(field, _parsed(field, query[name]))
            except ValueError:
                wrong.append(name)
        values.append(value)
    try:
        plan_of(rung, values)
    except SettingsProblem as problem:
        return [field.default for field in settings_of(rung).values()], str(problem)
    if wrong:
        return values, f"Ignored from the link, as it makes no sense: {', '.join(wrong)}."
    return values, None


def query_of(plan: Plan) -> dict[str, str]:
    """URL parameters for what differs from the rung's defaults; `values_from_query` reads them."""
    values = plan.config.model_dump() | plan.training.model_dump()
    return {
        name: str(values[name])
        for name, field in settings_of(plan.rung).items()
        if values[name] != field.default
    }


def narrowed(rung: Rung) -> str:
    """One sentence that says which sliders end before their setting does."""
    parts = [
        f"{field.title.lower()} to {field.maximum:,.0f}"
        for field in settings_of(rung).values()
        if field.maximum is not None
        and field.live_maximum is not None
        and field.live_maximum < field.maximum
        and field.group == "model"
    ]
    if not parts:
        return ""
    return (
        "The sliders end where a model still trains while you watch on this machine. "
        f"The command line goes further: {', '.join(parts)}."
    )


def _parsed(field: Setting, text: str) -> Any:
    if field.kind == "bool":
        if text.lower() not in ("true", "1", "false", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if field.kind == "choice":
        if text not in field.choices:
            raise ValueError(text)
        return text
    number = float(text)
    if not math.isfinite(number) or (field.kind == "int" and not number.is_integer()):
        raise ValueError(text)
    return int(number) if field.kind == "int" else number


def _onto_slider(field: Setting, value: Any) -> Any:
    if field.kind not in ("int", "float") or field.scale == "135":
        return value
    low, high = live_bounds(field)
    return type(value)(min(max(value, low), high))


def _with_default(field: Setting, default: Any) -> Setting:
    return Setting(**{**field.__dict__, "default": default})
