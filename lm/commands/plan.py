"""`python -m lm plan MODEL`: what training a model would take, a published one or one of the ladder."""

import json
from dataclasses import replace
from typing import Any

import click

from lm.commands import flags
from lm.costs import training as costs
from lm.costs.published import MODELS, PROCESSORS
from lm.costs.told import rows, sentence
from lm.costs.training import UTILISATION, Cost, Take
from lm.errors import SettingsProblem
from lm.ladder import RUNGS
from lm.plan import Rung
from lm.tokenizers import CharacterTokenizer

MOST_GPUS = 1_000_000
CHARACTERS = 65  # of Tiny Shakespeare


class PlanGroup(flags.OneForEachModel):
    """`plan MODEL`, with a command for each published model and each of the ladder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The published models, then those of the ladder that learn by gradient."""
        return [*MODELS, *(n for n, rung in RUNGS.items() if rung.training.learner == "gradient")]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of one model."""
        if name in MODELS:
            return _published_command(name)
        return _rung_command(RUNGS[name]) if name in self.list_commands(ctx) else None


def _options(command: Any) -> Any:
    """The options that all models have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option(
            "--utilisation",
            type=float,
            default=UTILISATION,
            show_default=True,
            help="The share of their peak rate that training reaches; 0.01 to 1.",
        ),
        click.option(
            "--gpu", type=click.Choice(list(PROCESSORS)), default="h100", show_default=True
        ),
        click.option("--gpus", type=int, default=8, show_default=True, help=f"1 to {MOST_GPUS:,}."),
        click.option(
            "--tokens", type=float, help="To train on, as 3e11, if not as planned; 1 to 1e18."
        ),
    ):
        command = option(command)
    return command


def _published_command(name: str) -> click.Command:
    model = MODELS[name]

    @click.command(name, help=f"{model.title}, as in {model.source}.")
    @_options
    def command(**options: Any) -> None:
        click.echo(report(costs.of_published(name), **options))

    return command


def _rung_command(rung: Rung) -> click.Command:
    @click.command(rung.name, help=f"{rung.idea} With a recipe or settings, as `train` takes them.")
    @click.option("--recipe", type=click.Choice([recipe.name for recipe in rung.recipes]))
    @_options
    @flags.options(rung.settings().values())
    def command(recipe: str | None, **given: Any) -> None:
        names = ("as_json", "utilisation", "gpu", "gpus", "tokens")
        options = {name: given.pop(name) for name in names}
        plan = rung.plan(recipe, **flags.given(given))
        characters = plan.tokenizer.tokenizer == CharacterTokenizer.kind
        vocabulary = CHARACTERS if characters else plan.tokenizer.vocab_size
        click.echo(report(costs.of_plan(plan, vocabulary), **options))

    return command


def report(
    cost: Cost, gpus: int, gpu: str, utilisation: float, tokens: float | None, as_json: bool
) -> str:
    """What training takes, as a table with a sentence, or as one JSON object."""
    _check("GPUs", gpus, 1, MOST_GPUS)
    _check("The utilisation", utilisation, 0.01, 1)
    _check("Tokens", 1 if tokens is None else tokens, 1, 1e18)
    if tokens is not None:
        cost = replace(cost, tokens=tokens, known_tokens=True)
    take = Take(cost, gpus, PROCESSORS[gpu], utilisation)
    if as_json:
        return json.dumps(take.record() | {"gpu": gpu})
    table = rows(take)
    width = max(len(label) for label, _ in table)
    return "\n".join([*(f"{label:{width}}  {value}" for label, value in table), sentence(take)])


def _check(name: str, number: float, least: float, most: float) -> None:
    """Raise a `SettingsProblem` unless a number is in its bounds; one that is none, NaN, is not."""
    if not least <= number <= most:
        raise SettingsProblem(f"{name} must be from {least:,} to {most:,.10g}, not {number:,.10g}.")
