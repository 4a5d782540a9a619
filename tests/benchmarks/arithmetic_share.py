"""Row 5: how much of the machine's matrix-product rate the training of a decoder achieves.

Training needs about 6 floating-point operations a parameter and token: 2 forward, 4 backward. So 6 × parameters
× tokens a second, over the rate of a large product measured in the same minute, is the share of the machine
that learns. Attention's own products are not counted, which makes the share a lower bound; a looked-up table
multiplies nothing, which makes it flatter a model with large ones. So the share without tables is given too.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from torch import nn

from lm import runs
from tests.benchmarks import lm_command, machine
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread, take_turns

COLUMNS = (
    "decoder",
    "tokens per step",
    "parameters",
    "without tables",
    "ms per step",
    "GFLOP/s",
    "product, GFLOP/s",
    "share",
    "share without tables",
)
STEPS, WARM_UP = 150, 20
FEWEST_TOKENS = 1024  # a step


@dataclass(frozen=True)
class Reading:
    """Seconds of the median step, and the product's rate just before and after, operations a second."""

    run: runs.Run
    seconds: float
    rate: float

    def achieved(self, parameters: int) -> float:
        """Operations a second that so many parameters ask for."""
        return 6 * parameters * self.run.record.tokens_per_step / self.seconds


@benchmark("Share of the matrix-product rate that training a decoder achieves")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    help="A recipe beside the rung's defaults; repeat for more.",
)
def main(setup: Setup, recipes: tuple[str, ...]) -> Result:
    """Row 5: 6 × parameters × tokens/s over the rate of a large fp32 matrix product."""
    with TemporaryDirectory() as folder:
        contestants = {
            recipe or "defaults": lambda number, recipe=recipe: _read(
                setup, recipe, Path(folder) / f"{recipe}-{number}"
            )
            for recipe in ("", *recipes)
        }
        found = take_turns(setup.rounds, contestants)
    steps, warm_up = _counts(setup)
    rows, notes = [], []
    for name, readings in found.items():
        run = readings[0].run
        rows.append(_row(name, readings))
        if run.record.tokens_per_step < FEWEST_TOKENS:
            notes.append(f"{name}: fewer than {FEWEST_TOKENS:,} tokens a step")
        width = run.record.plan["model"]["n_embd"]
        if width != 128:
            notes.append(f"{name}: embedding size {width}, not 128")
    notes.append(
        f"the median of steps {warm_up + 1} to {steps}; 6 × parameters × tokens/s; the "
        "product is measured just before and after each training; both in float32"
    )
    return Result([Table(COLUMNS, rows)], notes)


def _counts(setup: Setup) -> tuple[int, int]:
    """Steps to train, and how many of them to leave out."""
    return (6, 2) if setup.quick else (STEPS, WARM_UP)


def _read(setup: Setup, recipe: str, out: Path) -> Reading:
    steps, warm_up = _counts(setup)
    flags = ["--recipe", recipe] if recipe else []
    flags += ["--precision", "float32", "--steps", str(steps), "--evaluate-every", "100000"]
    before = machine.product_rate()
    run = lm_command.train(out, setup.corpus, *flags)
    rate = statistics.mean((before, machine.product_rate()))
    seconds = statistics.median(lm_command.step_seconds(run)[warm_up:])
    progress(f"{recipe or 'defaults'}: {seconds * 1000:.1f} ms, product {rate / 1e9:.0f} GFLOP/s")
    return Reading(run, seconds, rate)


def _row(name: str, readings: list[Reading]) -> list[str]:
    record = readings[0].run.record
    multiplied = record.parameters - _in_tables(readings[0].run)
    achieved = [one.achieved(record.parameters) for one in readings]
    return [
        name,
        f"{record.tokens_per_step:,}",
        f"{record.parameters:,}",
        f"{multiplied:,}",
        spread((one.seconds for one in readings), 1, 1000),
        spread(achieved, 0, 1e-9),
        spread((one.rate for one in readings), 0, 1e-9),
        *(
            f"{spread((one.achieved(p) / one.rate for one in readings), 0, 100)} %"
            for p in (record.parameters, multiplied)
        ),
    ]


def _in_tables(run: runs.Run) -> int:
    """Parameters that are only looked up: of embeddings that no linear layer shares."""
    with torch.device("meta"):
        model = run.plan.rung.model(run.plan.model, run.record.vocab_size)
    shared = {id(part.weight) for part in model.modules() if isinstance(part, nn.Linear)}
    tables = {
        id(part.weight): part.weight.numel()
        for part in model.modules()
        if isinstance(part, nn.Embedding)
    }
    return sum(size for weight, size in tables.items() if weight not in shared)


if __name__ == "__main__":
    main()
