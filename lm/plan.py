"""What is to be trained, and how: a rung of the ladder, its settings, and those of the loop.

A `Plan` and a text decide a run completely. `lm/ladder.py` holds the rungs, `lm/training/loop.py` carries a
plan out, and a run directory keeps it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from lm.errors import SettingsProblem
from lm.settings import Settings


class Training(Settings):
    """How a model is trained; each way of training has a class of its own (`lm/training/config.py`)."""

    learner: ClassVar[
        str
    ]  # the name of the learner that carries it out (`lm/training/learners.py`)
    noisy: ClassVar[bool] = True  # whether a step's loss is that of a random batch

    def total_steps(self, model: Settings) -> int:
        """The number of steps of a whole run."""
        raise NotImplementedError

    def evaluation_interval(self) -> int:
        """Steps between two evaluations over the whole validation split."""
        raise NotImplementedError

    def tokens_per_step(self, model: Settings, train_tokens: int) -> int:
        """Predictions that one step learns from, for a train split of `train_tokens`."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Recipe:
    """Settings under a name: what differs from the rung's own, and a line on what they are for."""

    name: str
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)


CLASSIC = Recipe("classic", "The rung as it stands in the textbooks.")


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    `name` is used in flags, folders and URLs; `title` and `idea` are shown; `training` holds the
    settings it is trained with unless a person, or one of the `recipes`, says otherwise, and by its
    class says how.
    """

    name: str
    title: str
    idea: str
    config: type[Settings]
    model: Callable[[Any, int], nn.Module]
    training: Training
    recipes: tuple[Recipe, ...] = (CLASSIC,)

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name, or a `SettingsProblem` that lists the names there are."""
        for recipe in self.recipes:
            if recipe.name == name:
                return recipe
        known = ", ".join(recipe.name for recipe in self.recipes)
        raise SettingsProblem(f"{self.title} has no recipe called {name!r}; it has {known}.")

    def plan(self, recipe: str = CLASSIC.name, **given: Any) -> "Plan":
        """The rung's own settings, changed by a recipe, changed by what is given."""
        wanted = {**self.training.model_dump(), **self.recipe(recipe).settings, **given}
        own = self.config.model_fields
        return Plan(
            rung=self,
            config=self.config.make(**{k: v for k, v in wanted.items() if k in own}),
            training=type(self.training).make(**{k: v for k, v in wanted.items() if k not in own}),
        )


@dataclass(frozen=True)
class Plan:
    """All that decides a run besides its text: which rung, its config, and how it is trained."""

    rung: Rung
    config: Settings
    training: Training

    @property
    def context_length(self) -> int:
        """The longest row of tokens the model takes."""
        return self.config.context_length  # type: ignore[attr-defined]

    @property
    def steps(self) -> int:
        """The number of steps of a whole run."""
        return self.training.total_steps(self.config)

    @property
    def evaluate_every(self) -> int:
        """Steps between two evaluations over the whole validation split."""
        return self.training.evaluation_interval()

    def tokens_per_step(self, train_tokens: int) -> int:
        """Predictions that one step learns from, for a train split of `train_tokens`."""
        return self.training.tokens_per_step(self.config, train_tokens)

    @property
    def recipe(self) -> str | None:
        """The name of the recipe that makes this plan, whatever its seed; None if none does."""
        seed = self.training.model_dump(include={"seed"})
        for recipe in self.rung.recipes:
            if self.rung.plan(recipe.name, **seed) == self:
                return recipe.name
        return None
