"""A plan: a model of the ladder, and the settings of every part of a run.

A plan and a text decide a run completely. It has parts, each a `Settings` class: which *task* is learned, the
*tokenizer*, the *model*, the *training*, and the weights that the run *starts* from. Page, command line, links,
run.json and checks iterate over the parts (`Rung.parts`), so a new setting or part needs no edit in them. (A
new part is a new format of run.json: `lm/runs/format.py` says what older runs had in its place.) `lm/ladder.py`
holds the rungs, `lm/training/loop.py` carries a plan out, a run directory keeps it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from torch import nn

from lm.errors import SettingsProblem
from lm.settings import Setting, Settings, describe, no_such
from lm.start import FromNothing, StartConfig
from lm.tasks import KINDS, TaskConfig
from lm.tokenizers import TokenizerConfig


class Training(Settings):
    """How a model is trained; each way of training has a class of its own (`lm/training/config.py`)."""

    learner: ClassVar[str]  # the name of the learner that carries it out (`lm/training/learner.py`)
    noisy: ClassVar[bool] = True  # whether a step's loss is that of a random batch
    all_kept: ClassVar[int] = 10  # the longest run that keeps the weights of every step, in steps

    def total_steps(self, model: Settings) -> int:
        """The number of steps of a whole run."""
        raise NotImplementedError

    def evaluation_interval(self) -> int:
        """Steps between two evaluations over the whole validation split."""
        raise NotImplementedError

    def tokens_per_step(self, model: Settings, train_tokens: int) -> int:
        """Predictions that one step learns from, for a train split of `train_tokens`."""
        raise NotImplementedError

    def counted_share(self) -> float:
        """The weight of counted n-grams where the model is judged and where it writes (`lm/mixture.py`)."""
        return 0.0


@dataclass(frozen=True, eq=False)
class Recipe:
    """Settings under a name: those that differ from the rung's own, and a line about their purpose."""

    name: str
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)


CLASSIC = Recipe("classic", "The model as textbooks have it.")


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: a model, and the settings it has unless somebody chooses others.

    `name` is used in flags, folders and URLs; `title` and `idea` are shown. `config` is the class of the
    model's own settings, `training` holds this rung's defaults, and `tasks` names the tasks it can learn, the
    usual one first. `usual` names the recipe of its included run, followed unless another is chosen.
    """

    name: str
    title: str
    idea: str
    config: type[Settings]
    model: Callable[[Any, int], nn.Module]
    training: Training
    recipes: tuple[Recipe, ...] = (CLASSIC,)
    usual: str = CLASSIC.name
    tasks: tuple[str, ...] = ("continue",)
    brief: str = ""  # the idea in two or three words
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)

    @property
    def rewrites(self) -> bool:
        """Whether it learns from pairs of lines, unless another task is chosen, and not from a text."""
        return KINDS[self.tasks[0]].pairs

    @property
    def answers(self) -> bool:
        """Whether it can learn from pairs, too, although a text is usual."""
        return not self.rewrites and any(KINDS[task].pairs for task in self.tasks)

    def parts(self) -> dict[str, Settings]:
        """The parts of a plan by name, each with this rung's defaults."""
        return {
            "task": TaskConfig(task=self.tasks[0]),
            "tokenizer": self.tokenizer,
            "model": self.config(),
            "training": self.training,
            "start": StartConfig() if self.training.learner == "gradient" else FromNothing(),
        }

    def settings(self) -> dict[str, Setting]:
        """Every setting by name, the model's own first, with the values of the usual recipe.

        A setting that no task of this rung can use has a single value.
        """
        parts = self.parts()
        ordered = {"model": parts.pop("model"), **parts}
        usual = self.recipe(self.usual).settings
        found = {
            one.name: one.with_default(usual.get(one.name, getattr(part, one.name)))
            for part in ordered.values()
            for one in describe(type(part))
        }
        found["task"] = replace(found["task"], choices=self.tasks)
        if "continue" not in self.tasks and "ngram_share" in found:  # of lines nothing is counted
            found["ngram_share"] = replace(found["ngram_share"], maximum=0.0, live_maximum=0.0)
        return found

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name, or a `SettingsProblem` that lists the names there are."""
        for recipe in self.recipes:
            if recipe.name == name:
                return recipe
        known = ", ".join(recipe.name for recipe in self.recipes)
        raise SettingsProblem(f"{self.title} has no recipe called {name!r}; it has {known}.")

    def plan(self, recipe: str | None = None, **given: Any) -> "Plan":
        """The rung's own settings, changed by a recipe (None: the usual one), changed by `given`."""
        wanted = {**self.recipe(self.usual if recipe is None else recipe).settings, **given}
        unknown = wanted.keys() - self.settings().keys()
        if unknown:
            raise SettingsProblem(no_such(min(unknown), self.settings()))
        parts = {
            name: type(part).make(
                **part.model_dump()
                | {k: v for k, v in wanted.items() if k in type(part).model_fields}
            )
            for name, part in self.parts().items()
        }
        return self.assemble(parts)

    def assemble(self, parts: Mapping[str, Any]) -> "Plan":
        """A plan from its parts by name; a `SettingsProblem` if they do not fit each other."""
        plan = Plan(rung=self, **parts)
        if plan.task.task not in self.tasks:
            raise SettingsProblem(
                f"{self.title} cannot learn the task {plan.task.task!r}: it learns "
                f"{', '.join(self.tasks)}."
            )
        if plan.training.counted_share() and plan.task.task != "continue":
            raise SettingsProblem(
                f"The task {plan.task.task!r} cannot use counted n-grams: set their share to 0."
            )
        if plan.values().get("pattern") == "prefix" and plan.task.task != "continue":
            raise SettingsProblem(
                f"The task {plan.task.task!r} has lines of any length, and a prefix has one: "
                "choose another pattern."
            )
        return plan


@dataclass(frozen=True)
class Plan:
    """All that decides a run besides its text: a rung, and a `Settings` object for each part."""

    rung: Rung
    task: TaskConfig
    tokenizer: TokenizerConfig
    model: Settings
    training: Training
    start: StartConfig | FromNothing

    @property
    def parts(self) -> dict[str, Settings]:
        """The parts by name, in the order of `Rung.parts`."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "rung"}

    def values(self) -> dict[str, Any]:
        """The value of every setting by name; no two parts share a name."""
        return {name: v for part in self.parts.values() for name, v in part.model_dump().items()}

    @property
    def context_length(self) -> int:
        """The longest row of tokens the model takes."""
        return self.model.context_length  # type: ignore[attr-defined]

    @property
    def steps(self) -> int:
        """The number of steps of a whole run."""
        return self.training.total_steps(self.model)

    @property
    def evaluate_every(self) -> int:
        """Steps between two evaluations over the whole validation split."""
        return self.training.evaluation_interval()

    def tokens_per_step(self, train_tokens: int) -> int:
        """Predictions that one step learns from, for a train split of `train_tokens`."""
        return self.training.tokens_per_step(self.model, train_tokens)

    @property
    def recipe(self) -> str | None:
        """The name of the recipe that makes this plan, whatever its seed; None if none does."""
        seed = self.training.model_dump(include={"seed"})
        for recipe in self.rung.recipes:
            if self.rung.plan(recipe.name, **seed) == self:
                return recipe.name
        return None
