"""Guides: for each model, steps that a visitor does, each with a question, an action and what came of it.

A guide is a TOML file named after its model, so that a teacher can write one. It holds steps:

    [[step]]
    id = "mask"                       # for links; unique in the file
    question = "Why a mask?"
    try = "Switch the causal mask off and train."
    do = { set = { causal_mask = false }, press = "train" }
    happened = [
        { when = "loss < 1", say = "The loss fell to {loss:.2f}: each position reads its own answer." },
        { say = "The loss is {loss:.2f}." },
    ]

`do` may show the included `run` with its settings and its text ("included"), set the model's settings (`set`;
the last of them is the one that makes the difference: the run is compared with an earlier one that differs in
it alone), follow a `recipe`, choose a text (`corpus`: a built-in name, or "short" for the first 5,000
characters of the chosen text) and `tokens` ("characters", or as in "bpe:1024"; a step that begins a run and
names none has characters, for its sentences tell of them), set `write` settings and a `prompt` (`chat`:
whether a model with a chat template takes it as a message, or goes on with it), put a `text` in the box of the
inside, open a `view` of it, and `press` train, reset, step or sample. On the Tokens tab,
whose guide is `tokens.toml`, it has `cut` instead (`Cut`, below). `answers` names the question of the ten (1 to
10) that the step answers. The first entry of `happened` whose condition holds is told, with the numbers of the
run shown (`playground/tabs/facts.py`); a condition compares two of them: "loss < pairs - 0.1".
"""

import operator
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lm.errors import Problem
from lm.wording import decimals_of
from playground import tokens

FOLDER = Path(__file__).parent
Press = Literal["train", "reset", "step", "sample"]
View = Literal[
    "attention",
    "score",
    "next",
    "surprise",
    "layers",
    "past",
    "table",
    "lines",
    "cross",
    "encoder",
    "decoder",
    "masks",
    "beams",
]

_COMPARISONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_LOSS = re.compile(r"\{(\w+):\.2f\}")
_CONDITION = re.compile(r"(\w+) (<=?|>=?) ([\w.]+)(?: ([+-]) ([\d.]+))?")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cut(_Part):
    """What a step sets on the Tokens tab: names of what is not set stay as they are.

    example, text: to cut, ready or its own words; left, right: tokens; ids: whether they are shown; player: its
    mode; sentence: of the player; play: from its first step.
    """

    example: str | None = None
    text: str | None = None
    left: str | None = None
    right: str | None = None
    ids: bool | None = None
    player: Literal["learn", "encode", "unigram"] | None = None
    sentence: str | None = None
    play: bool = False


class Do(_Part):
    """What "Do it" does, in this order."""

    run: Literal["included"] | None = None
    recipe: str | None = None
    set: dict[str, Any] = {}
    corpus: str | None = None
    tokens: str | None = None
    text: str | None = None
    view: View | None = None
    prompt: str | None = None
    write: dict[str, Any] = {}
    chat: bool | None = None
    press: Press | None = None
    cut: Cut | None = None

    @field_validator("tokens")
    @classmethod
    def _are_tokens(cls, value: str | None) -> str | None:
        if value is not None:
            tokens.config_of(value)
        return value

    @property
    def wanted_tokens(self) -> str | None:
        """The tokens that the page's header shall choose; None if those of now may stay."""
        return self.tokens or (
            tokens.CHARACTERS if self.press in ("train", "reset", "step") else None
        )


class Say(_Part):
    """A sentence, and the condition under which it is true."""

    say: str
    when: str | None = None

    @field_validator("when")
    @classmethod
    def _is_a_comparison(cls, value: str | None) -> str | None:
        if value is not None and not _CONDITION.fullmatch(value):
            raise ValueError(f"{value!r} is no comparison such as 'loss < pairs - 0.1'")
        return value

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether the condition holds; not if it names a number that is not known yet."""
        if self.when is None:
            return True
        match = _CONDITION.fullmatch(self.when)
        assert match
        left, comparison, right, sign, shift = match.groups()
        try:
            limit = float(facts.get(right, right))
            if sign:
                limit += float(sign + shift)
            return bool(_COMPARISONS[comparison](float(facts[left]), limit))
        except (KeyError, ValueError, TypeError):
            return False


class Step(_Part):
    """One question, what to try, and what came of it."""

    id: str = Field(pattern=r"[a-z0-9-]+")
    question: str
    try_: str = Field(alias="try")
    do: Do
    happened: tuple[Say, ...] = Field(min_length=1)
    answers: int | None = Field(None, ge=1, le=10)

    @property
    def compares(self) -> str | None:
        """The setting that makes the difference: the last that the step sets."""
        return next(reversed(self.do.set), None)

    def told(self, facts: Mapping[str, Any]) -> str:
        """The first sentence whose condition holds and whose numbers are known."""
        for one in self.happened:
            if one.holds(facts):
                try:
                    return _written(one.say, facts)
                except (KeyError, TypeError, ValueError):  # a number that is not known yet
                    continue
        return "There is nothing to tell yet. Press Do it if you have not, and wait for the first evaluation."


def _written(sentence: str, facts: Mapping[str, Any]) -> str:
    """The sentence with its numbers. Losses that differ, also from 0, are written so that they differ."""
    losses = [float(facts[name]) for name in _LOSS.findall(sentence)]
    decimals = decimals_of(losses)
    return _LOSS.sub(rf"{{\1:.{decimals}f}}", sentence).format_map(facts)


class Guide(_Part):
    """The steps of one model."""

    step: tuple[Step, ...]

    def named(self, id: str) -> int | None:
        """The place of the step of that name, or None."""
        return next((n for n, step in enumerate(self.step) if step.id == id), None)


@cache
def guide(model: str) -> Guide | None:
    """The guide of a model; None if it has none. `Problem` if its file cannot be used."""
    path = FOLDER / f"{model}.toml"
    return load(path) if path.exists() else None


def load(path: Path) -> Guide:
    """The guide in a file. `Problem` says what is wrong with it, and where."""
    try:
        found = Guide.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"The guide {path.name} cannot be read: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Problem(f"The guide {path.name} is wrong at {place}: {first['msg']}.") from None
    ids = [step.id for step in found.step]
    if twice := next((id for id in ids if ids.count(id) > 1), None):
        raise Problem(f"The guide {path.name} has two steps called {twice!r}.")
    return found
