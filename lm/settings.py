"""One description of every setting: its bounds, step, unit and a line of help, written once.

The slider on the page, the command-line flag, the URL parameter, the check of a request and the
documentation are all derived from the fields of a `Settings` class. The settings of training are in
`lm/training/config.py`, those of a model at the top of its file or in a `…_config.py` beside it, and those of
the other parts of a plan beside these parts (`lm/plan.py`).
"""

import difflib
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from lm.errors import SettingsProblem
from lm.wording import inside_sentence

Scale = Literal["linear", "1-3-10"]
Kind = Literal["int", "float", "bool", "choice", "run"]
Group = Literal[
    "model", "pattern", "apart", "architecture", "optimiser", "regularisation", "run", "start"
]


def _whole_number(value: Any) -> Any:
    """Accept 64.0, as a slider sends 64; leave 64.5, True and "64" for pydantic to refuse."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Whole = Annotated[int, BeforeValidator(_whole_number)]
# The name of a setting in a sentence: its flag, or the label of its control.
Naming = Callable[[str], str]


@dataclass(frozen=True)
class Setting:
    """One field as a person sees it, on the page or on the command line.

    `minimum` and `maximum` are the bounds that are enforced; `live_maximum` is the end of the page's
    slider: beyond it, training takes too long to watch. The value of the kind "run" is "random" or the
    directory of a run.
    """

    name: str
    title: str
    help: str
    kind: Kind
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    unit: str
    scale: Scale
    group: Group
    live_maximum: float | None
    choices: tuple[str, ...]

    def with_default(self, default: Any) -> "Setting":
        """The same setting with another default."""
        return replace(self, default=default)

    @property
    def spoken(self) -> str:
        """The title inside a sentence."""
        return inside_sentence(self.title)

    @property
    def is_fixed(self) -> bool:
        """Whether it can have one value only, so that there is nothing to choose."""
        if self.kind == "choice":
            return len(self.choices) == 1
        return self.minimum is not None and self.minimum == self.maximum


def setting(
    default: Any,
    *,
    title: str,
    help: str,
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    unit: str = "",
    scale: Scale = "linear",
    group: Group = "model",
    live_le: float | None = None,
    choices: Callable[[], tuple[str, ...]] | None = None,
) -> Any:
    """A pydantic field that also carries its title, unit, step, scale and the page's upper bound.

    scale: how the values are spaced: "linear", or "1-3-10" (1, 3, 10, 30 …, as people choose learning rates).
    choices: for a field of type str, the names in a registry; asked for each time they are needed.
    """
    extra: dict[str, Any] = {
        "step": step,
        "unit": unit,
        "scale": scale,
        "group": group,
        "live_le": live_le,
        "choices": choices,
    }
    return Field(
        default,
        title=title,
        description=help,
        ge=ge,
        le=le,
        json_schema_extra=extra,
    )


class Settings(BaseModel):
    """A frozen set of settings; making one checks every bound and every combination."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=()
    )

    @model_validator(mode="after")
    def _choices_are_registered(self) -> Self:
        for name, field in type(self).model_fields.items():
            extra, value = field.json_schema_extra, getattr(self, name)
            registered = extra.get("choices") if isinstance(extra, dict) else None
            if callable(registered) and value not in registered():
                raise ValueError(
                    f"{field.title} is one of {', '.join(registered())}, not {reprlib.repr(value)}."
                )
        return self

    @classmethod
    def make(cls, **values: Any) -> Self:
        """The settings, or a `SettingsProblem` that names the setting and the change to make."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsProblem(_sentence(cls, error)) from None


def describe(settings: type[Settings]) -> tuple[Setting, ...]:
    """Every field of a `Settings` class, in the order in which it is written."""
    return tuple(_setting(name, field) for name, field in settings.model_fields.items())


def _setting(name: str, field: Any) -> Setting:
    extra = field.json_schema_extra or {}
    bounds: dict[str, float] = {}
    for constraint in field.metadata:
        for side in ("ge", "le"):
            if getattr(constraint, side, None) is not None:
                bounds[side] = getattr(constraint, side)
    choices: tuple[str, ...] = ()
    kind: Kind
    if get_origin(field.annotation) is Literal:
        kind, choices = "choice", get_args(field.annotation)
    elif extra.get("choices"):
        kind, choices = "choice", extra["choices"]()
    elif field.annotation is bool:
        kind = "bool"
    elif field.annotation is str:
        kind = "run"
    else:
        kind = "int" if field.annotation is int else "float"
    return Setting(
        name=name,
        title=field.title or name,
        help=field.description or "",
        kind=kind,
        default=field.default,
        minimum=bounds.get("ge"),
        maximum=bounds.get("le"),
        step=extra.get("step"),
        unit=extra.get("unit") or "",
        scale=extra.get("scale") or "linear",
        group=extra.get("group") or "model",
        live_maximum=extra.get("live_le") or bounds.get("le"),
        choices=choices,
    )


def flag(name: str) -> str:
    """A setting as the command line names it: "--batch-size"."""
    return f"--{name.replace('_', '-')}"


def no_such(name: str, known: Iterable[str]) -> str:
    """The sentence about a setting that there is not, with those that are spelled like it, or the first few."""
    names = list(known)
    told = difflib.get_close_matches(name, names, n=6, cutoff=0.5) or names[:6]
    rest = f" and {len(names) - len(told)} others" if len(told) < len(names) else ""
    return f"There is no setting called {reprlib.repr(name)}; there are {', '.join(told)}{rest}."


def _sentence(settings: type[Settings], error: ValidationError) -> str:
    """The first error that pydantic found, as one sentence for the person who chose the value."""
    first = error.errors()[0]
    if not first["loc"]:  # a combination that cannot work: its validator wrote the sentence
        return str(first["ctx"]["error"]) if "error" in first.get("ctx", {}) else first["msg"]
    name = str(first["loc"][0])
    known = {field.name: field for field in describe(settings)}
    if name not in known:
        return no_such(name, known)
    field, given = known[name], first["input"]
    # An empty box, and one with letters in it, have no value to repeat.
    instead = "" if given is None or given == "" else f", not {reprlib.repr(given)}"
    if field.kind == "choice":
        return f"{field.title} is one of {', '.join(field.choices)}{instead}."
    if field.kind == "bool":
        return f"{field.title} is on or off (true or false){instead}."
    if field.kind == "run":
        return f"{field.title} is random or the directory of a run{instead}."
    number = "a whole number" if field.kind == "int" else "a number"
    low = "" if field.minimum is None else f" from {field.minimum:,.10g}"
    high = "" if field.maximum is None else f" to {field.maximum:,.10g}"
    unit = f" {field.unit}" if field.unit else ""
    return f"{field.title} must be {number}{low}{high}{unit}{instead}."
