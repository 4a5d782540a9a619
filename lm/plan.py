"""What is to be trained, and how: a rung of the ladder, its settings, and those of the loop.

A `Plan` and a text decide a run completely. `lm/models/__init__.py` holds the rungs, `lm/training.py` carries
a plan out, and a run directory keeps it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from lm.errors import SettingsProblem
from lm.settings import Settings, Whole, setting

Decay = Literal["constant", "linear", "cosine"]
Optimizer = Literal["adamw", "muon"]
Precision = Literal["float32", "bfloat16"]


class TrainingConfig(Settings):
    steps: Whole = setting(
        3000,
        title="Steps",
        help="How many batches to learn from; each changes the weights once.",
        ge=1,
        le=1_000_000,
        step=100,
        group="optimiser",
        live_le=10_000,
    )
    learning_rate: float = setting(
        1e-3,
        title="Learning rate",
        help="How far each step moves the weights. Can be changed while the model trains.",
        ge=1e-6,
        le=1.0,
        scale="135",
        group="optimiser",
    )
    optimizer: Optimizer = setting(
        "adamw",
        title="Optimiser",
        help="Muon moves hidden matrices as a whole: fewer steps to the same loss. The bigram has none.",
        group="optimiser",
    )
    muon_learning_rate: float = setting(
        0.02,
        title="Muon's learning rate",
        help="For the hidden matrices, if the optimiser is Muon; the rest takes the other one.",
        ge=1e-6,
        le=1.0,
        scale="135",
        group="optimiser",
    )
    batch_size: Whole = setting(
        32,
        title="Batch size",
        help="Windows of text read at once; their gradients are averaged.",
        ge=1,
        le=512,
        step=1,
        unit="windows",
        group="optimiser",
        live_le=128,
    )
    warmup_steps: Whole = setting(
        100,
        title="Warm-up",
        help="Steps over which the learning rate rises from near 0, while AdamW gets its bearings.",
        ge=0,
        le=10_000,
        step=10,
        unit="steps",
        group="optimiser",
        live_le=1000,
    )
    decay: Decay = setting(
        "linear",
        title="Learning-rate decay",
        help="How the learning rate falls after the warm-up: large steps to get near, small to settle.",
        group="optimiser",
    )
    hold: float = setting(
        0.0,
        title="Hold",
        help="Share of the steps after the warm-up that keep the full learning rate.",
        ge=0.0,
        le=1.0,
        step=0.05,
        group="optimiser",
    )
    final_learning_rate: float = setting(
        0.0,
        title="Final learning rate",
        help="Where the decay ends, as a share of the learning rate.",
        ge=0.0,
        le=1.0,
        step=0.05,
        group="optimiser",
    )
    beta2: float = setting(
        0.99,
        title="AdamW's β₂",
        help="How long AdamW remembers the size of gradients: 0.99 is about a hundred steps.",
        ge=0.5,
        le=0.9999,
        step=0.001,
        group="optimiser",
    )
    gradient_clip: float = setting(
        1.0,
        title="Gradient clip",
        help="Longest gradient that is taken as it is; longer ones are shortened to it. 0 is off.",
        ge=0.0,
        le=10.0,
        step=0.1,
        group="optimiser",
    )
    weight_decay: float = setting(
        0.1,
        title="Weight decay",
        help="Pull of the matrices towards zero, in shares of the learning rate.",
        ge=0.0,
        le=1.0,
        step=0.01,
        group="regularisation",
    )
    token_noise: float = setting(
        0.0,
        title="Character noise",
        help="Share of the characters read that are swapped at random in training. Helps long runs.",
        ge=0.0,
        le=0.5,
        step=0.01,
        group="regularisation",
    )
    precision: Precision = setting(
        "float32",
        title="Precision",
        help="bfloat16 rounds matrix products to 8 bits: quicker on processors made for it, ignored by others.",
        group="optimiser",
    )
    evaluate_every: Whole = setting(
        150,
        title="Evaluate every",
        help="Steps between two readings of the whole validation split, each with a sample.",
        ge=1,
        le=100_000,
        step=10,
        unit="steps",
        group="run",
        live_le=1000,
    )
    seed: Whole = setting(
        1,
        title="Seed",
        help="Where the random numbers start. The same seed and settings make the same run.",
        ge=0,
        le=2**31 - 1,
        step=1,
        group="run",
    )


class CountingConfig(Settings):
    """How a model without a gradient is trained: it counts the whole text, and nothing can be set.

    One step counts pieces one character longer, so a run has as many steps as the model's `order`.
    """


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
    training: TrainingConfig | CountingConfig
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
    training: TrainingConfig | CountingConfig

    @property
    def context_length(self) -> int:
        """The longest row of tokens the model takes."""
        return self.config.context_length  # type: ignore[attr-defined]

    @property
    def counts(self) -> bool:
        """Whether each step reads the whole text, rather than a random batch of it."""
        return isinstance(self.training, CountingConfig)

    @property
    def steps(self) -> int:
        """How many steps a whole run takes."""
        if isinstance(self.training, CountingConfig):
            return self.config.order  # type: ignore[attr-defined]
        return self.training.steps

    @property
    def evaluate_every(self) -> int:
        """Steps between two readings of the whole validation split."""
        return 1 if isinstance(self.training, CountingConfig) else self.training.evaluate_every

    def tokens_per_step(self, train_tokens: int) -> int:
        """Predictions that one step learns from, of a train split of so many tokens."""
        if isinstance(self.training, CountingConfig):
            return train_tokens
        return self.training.batch_size * self.context_length

    @property
    def recipe(self) -> str | None:
        """The name of the recipe that makes this plan, whatever its seed; None if none does."""
        seed = self.training.model_dump(include={"seed"})
        for recipe in self.rung.recipes:
            if self.rung.plan(recipe.name, **seed) == self:
                return recipe.name
        return None
