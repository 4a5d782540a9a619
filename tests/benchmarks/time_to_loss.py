"""Seconds of training until the exact validation loss is low enough: shared by rows 1, 2 and 3."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm import runs
from tests.benchmarks import lm_command
from tests.benchmarks.report import Result, Setup, Table, spread, take_turns, times

COLUMNS = ("", "steps", "tokens", "ms per step", "validation loss", "seconds of training")
# A training just long enough to check that it runs, and a loss that it reaches.
QUICK = ("--steps", "20", "--evaluate-every", "10", "--batch-size", "2")
QUICK_TARGET = 4.2
NOTE = (
    "seconds of training leave evaluations out; the loss is exact, over the whole validation split, "
    "in windows of the model's own context"
)


@dataclass(frozen=True)
class Outcome:
    """The state of a training at its first evaluation at or below the target, else at its best."""

    seconds: float
    steps: int
    tokens: int
    loss: float
    reached: bool


def outcome(run: runs.Run, target: float) -> Outcome:
    """The outcome at a run's first evaluation at or below the target, else at its best."""
    evaluations = [line for line in run.metrics() if line["type"] == "evaluation"]
    if not evaluations:
        raise click.ClickException(f"{run.directory} holds no evaluation yet.")
    best = min(evaluations, key=lambda line: line["loss"])
    line = next((line for line in evaluations if line["loss"] <= target), best)
    return Outcome(
        seconds=line["seconds"],
        steps=line["step"],
        tokens=line["step"] * run.record.tokens_per_step,
        loss=line["loss"],
        reached=line["loss"] <= target,
    )


def train(setup: Setup, recipe: str, target: float, out: Path, seed: int) -> Outcome:
    """Train a decoder by a recipe until the target; its last snapshot must give the same loss again."""
    flags = ["--recipe", recipe, "--seed", str(seed), *(QUICK if setup.quick else ())]
    run = lm_command.train(out, setup.corpus, *flags, "--until-val-loss", str(target))
    found = outcome(run, target)
    if found.reached:
        again = lm_command.evaluate(out, setup.corpus)["val_loss"]
        if abs(again - found.loss) > 1e-3:
            raise click.ClickException(
                f"{out} recorded a validation loss of {found.loss:.4f}, but its snapshot has {again:.4f}."
            )
    return found


def row(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """A contestant's row of the table."""
    missed = sum(not one.reached for one in outcomes)
    seconds = spread((one.seconds for one in outcomes), 1)
    if missed:
        seconds = f"not reached in {missed} of {len(outcomes)}; best after {seconds}"
    return [
        name,
        spread(one.steps for one in outcomes),
        f"{statistics.median(one.tokens for one in outcomes):,.0f}",
        spread((one.seconds / one.steps for one in outcomes), 1, 1000),
        spread((one.loss for one in outcomes), 4),
        seconds,
    ]


def ratio(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> str:
    """The ratio of their median seconds to ours; "–" if one side did not reach the target."""
    if not all(one.reached for one in (*ours, *theirs)):
        return "–"
    medians = [statistics.median(one.seconds for one in side) for side in (ours, theirs)]
    return times(medians[1] / medians[0])


def alone(
    setup: Setup, recipe: str, target: float, out: Path | None, existing: Sequence[Path]
) -> Result:
    """One recipe: trained `rounds` times with seeds 1, 2, 3 …, or read from existing runs."""
    target = QUICK_TARGET if setup.quick and not existing else target
    if existing:
        opened = [runs.open_run(directory) for directory in existing]
        found = [outcome(run, target) for run in opened]
        name, origin = "existing runs", f"read from {', '.join(map(str, existing))}"
    else:
        with TemporaryDirectory() as folder:
            into = out or Path(folder)
            name, origin = f"recipe {recipe}", "seeds 1, 2, 3 …, one per round"
            found = take_turns(
                setup.rounds,
                {name: lambda seed: train(setup, recipe, target, into / f"{recipe}-{seed}", seed)},
            )[name]
    minutes = spread((one.seconds for one in found), 1, 1 / 60)
    notes = [f"{minutes} minutes to {target}", origin, NOTE]
    return Result([Table(COLUMNS, [row(name, found)])], notes, counted=len(found))
