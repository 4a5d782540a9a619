"""Config fields to Gradio controls, and their values back to a plan.

Nothing about a setting is written here: title, bounds, step and help come from its field in `lm`, whichever
part of the plan it belongs to. Sliders end where training would take too long to watch; a value beyond them can
be typed. The checks are those of the config classes: the page's events hand over what was typed as it is
(`preprocess=False`), because Gradio's own checks end in an error that names no setting.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from lm.errors import SettingsProblem
from lm.plan import Plan, Rung
from lm.settings import Naming, Setting
from lm.start import RANDOM
from playground import tokens
from playground.runs.library import INCLUDED, LOCAL

STARTS = "Random numbers, or what a run of this model has learned: fine-tuning."
LEARNING_RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]  # 1-3-10, as people step them
NAMES = {  # of choices that are written otherwise than their values
    "sinks": "sinks and window",
    "all": "all",
    "last": "the last layers",
    "lora": "small matrices (LoRA)",
    "continue": "continue a text",
    "answer": "answer a line",
}
GROUPS = {
    "model": "Model",
    "pattern": "Who may look where",
    "apart": "Take it apart",
    "architecture": "Architecture",
    "optimiser": "Optimiser",
    "regularisation": "Regularisation",
    "run": "Run",
    "start": "Start from",
}


def control(field: Setting, elem_id: str, value: Any = None) -> gr.components.Component:
    """The control of a setting: a slider for a range, else a choice, a box or a tick."""
    value = field.default if value is None else value
    common: dict[str, Any] = {"label": field.title, "elem_id": elem_id, "interactive": True}
    common["visible"] = not field.is_fixed
    if field.kind == "choice":
        return gr.Dropdown(
            [(NAMES.get(choice, choice), choice) for choice in field.choices],
            value=value,
            info=field.help,
            **common,
        )
    if field.kind == "run":  # whose other choices come when the menu is opened
        return gr.Dropdown([("random numbers", RANDOM)], value=value, info=STARTS, **common)
    if field.kind == "bool":
        return gr.Checkbox(value=value, info=field.help, **common)
    if field.scale == "1-3-10":
        rates = sorted({*LEARNING_RATES, field.default, value})
        choices = [(f"{rate:g}", rate) for rate in rates]
        return gr.Dropdown(choices, value=value, info=field.help, allow_custom_value=True, **common)
    low, high = live_bounds(field)
    if high - low > 10**6 or field.is_fixed:  # a seed, which nobody drags; a range of one value
        return gr.Number(value, minimum=low, maximum=high, precision=0, info=field.help, **common)
    return gr.Slider(low, high, value, step=field.step or 1, info=field.help, buttons=[], **common)


def live_bounds(field: Setting) -> tuple[float, float]:
    """The ends of the page's slider: multiples of its step, within the setting's minimum and live maximum.

    A browser counts the steps of a slider from its lower end. From a minimum of 1 with a step of 20, neither
    3,000 nor any other round number could be reached.
    """
    low = field.minimum if field.minimum is not None else 0
    high = field.live_maximum if field.live_maximum is not None else math.inf
    if field.scale == "1-3-10":
        return low, high
    step = field.step or 1
    first = math.ceil(round(low / step, 6)) * step  # rounded: 0.6 / 0.05 is 11.999…
    last = math.floor(round(high / step, 6)) * step if math.isfinite(high) else high
    kind = int if field.kind == "int" else float
    return kind(round(first, 10)), kind(round(last, 10)) if math.isfinite(last) else last


def plan_of(rung: Rung, values: Sequence[Any], start: str = RANDOM) -> Plan:
    """A plan from the values of a rung's controls, in their order; `SettingsProblem` if it cannot work.

    start: the directory of the run that a token among the values means (`playground/training/starts.py`).
    """
    fields = rung.settings()
    if len(values) != len(fields):
        raise SettingsProblem(f"This model has {len(fields)} settings; {len(values)} came.")
    given = {}
    for (name, field), value in zip(fields.items(), values, strict=True):
        if value is None or value == "":
            raise SettingsProblem(f"{field.title} is empty or no number: {_wanted(field)}.")
        if field.kind == "run" and value != RANDOM and start == RANDOM:
            raise SettingsProblem(f"{field.title} is no run that is here: choose another.")
        given[name] = rate_of(value) if field.scale == "1-3-10" else value
    if start != RANDOM:
        given["start"] = start
    elif "trained" in given and given["trained"] in fields["trained"].choices:
        given["trained"] = "all"  # of random numbers, whatever is chosen for another start
    return rung.plan(**given)


def _wanted(field: Setting) -> str:
    """What a setting that has no value needs."""
    return {"int": "type a whole number", "float": "type a number"}.get(field.kind, "choose one")


def all_values(rung: Rung, values: Sequence[Any]) -> list[Any]:
    """The values of all settings from those of a tab's controls: tokens, which have none, as is usual."""
    fields, given = rung.settings(), iter(values)
    return [
        field.default if name in tokens.SETTINGS else next(given, None)
        for name, field in fields.items()
    ]


def rate_of(value: Any) -> Any:
    """A learning rate from its control; a typed one comes as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def label_of(rung: Rung) -> Naming:
    """How the sentences of this page call a setting of a rung: by the label of its control."""
    return lambda name: rung.settings()[name].title


def values_of(plan: Plan) -> list[Any]:
    """The values of a rung's controls for this plan, also where they lie beyond a slider's end."""
    values = plan.values()
    return [values[name] for name in plan.rung.settings()]


def recipe_of(rung: Rung, values: Sequence[Any]) -> str | None:
    """The recipe that the values of a rung's controls are, whatever their seed and tokens; None if none is.

    As `recipeOf` in components/tab/choice.js: until a tab is opened, its scripts do not know.
    """
    free = {"seed", *tokens.SETTINGS}
    now = dict(zip(rung.settings(), values, strict=True)).items()
    for recipe in rung.recipes:
        wanted = rung.plan(recipe.name).values()
        if all(wanted[name] == value for name, value in now if name not in free):
            return recipe.name
    return None


def values_from_query(
    rung: Rung, query: Mapping[str, str], usual: Sequence[Any] | None = None
) -> tuple[list[Any], str | None]:
    """Values for the controls from URL parameters, and a sentence if some of them cannot be used.

    Missing parameters take their defaults, or the `usual` values; unknown ones are ignored, as in any link. The
    page writes these parameters itself (components/tab/choice.js).
    """
    fields = rung.settings()
    values, wrong = [], []
    usual = usual or [field.default for field in fields.values()]
    for (name, field), value in zip(fields.items(), usual, strict=True):
        if name in query:
            try:
                value = parsed(field, query[name])
            except ValueError:
                wrong.append(name)
        values.append(value)
    start = values[list(fields).index("start")]
    try:
        plan_of(rung, values, str(start))
    except SettingsProblem as problem:
        return list(usual), str(problem)
    if wrong:
        return (
            values,
            f"The link has values that cannot be used, so the defaults stand: {', '.join(wrong)}.",
        )
    return values, None


def narrowed(rung: Rung) -> str:
    """One sentence that names the sliders that end before their setting does."""
    parts = [
        f"{field.title.lower()} to {field.maximum:,.0f}"
        for field in rung.settings().values()
        if field.maximum is not None
        and field.live_maximum is not None
        and field.live_maximum < field.maximum
        and field.group == "model"
    ]
    if not parts:
        return ""
    return (
        "The sliders end where a model still trains while you watch. "
        f"Larger values can be typed: {', '.join(parts)}."
    )


def parsed(field: Setting, text: str) -> Any:
    """The value of a setting from the text of a link; ValueError if it can have no such value."""
    if field.kind == "bool":
        if text.lower() not in ("true", "1", "false", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if field.kind == "choice":
        if text not in field.choices:
            raise ValueError(text)
        return text
    if field.kind == "run":
        if text != RANDOM and not text.startswith((INCLUDED, LOCAL)):
            raise ValueError(text)
        return text
    number = float(text)
    if not math.isfinite(number) or (field.kind == "int" and not number.is_integer()):
        raise ValueError(text)
    low = field.minimum if field.minimum is not None else -math.inf
    high = field.maximum if field.maximum is not None else math.inf
    if not low <= number <= high:
        raise ValueError(text)
    return int(number) if field.kind == "int" else number
