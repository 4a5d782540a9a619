"""Row 3b: the loss of each decoder in `checkpoints/`, evaluated again, and its minutes of training."""

from pathlib import Path
from typing import Any

import click

from lm import runs
from tests.benchmarks import lm_command
from tests.benchmarks.machine import ROOT
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress

COLUMNS = (
    "run",
    "parameters",
    "context",
    "steps",
    "minutes of training",
    "noted when trained",
    "validation loss",
    "bits per character",
)


@benchmark("The included decoders, best first", rounds=1)
@click.option(
    "--checkpoints",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=ROOT / "checkpoints",
    show_default=True,
    help="The folder of the included runs.",
)
def main(setup: Setup, checkpoints: Path) -> Result:
    """Row 3b: the loss of each included decoder, evaluated again over the whole validation split."""
    found = []
    for path in sorted(checkpoints.glob("*/run.json")):
        run = runs.open_run(path.parent)
        if run.record.model == "decoder_transformer":
            again = lm_command.evaluate(run.directory, setup.corpus)
            found.append((again["val_loss"], _row(run, again)))
            progress(f"{run.directory.name}: {again['val_loss']:.4f}")
    if not found:
        raise click.ClickException(f"There is no decoder in {checkpoints}.")
    notes = ["minutes of training leave evaluations out", "weights as included, one byte each"]
    return Result([Table(COLUMNS, [row for _, row in sorted(found)])], notes)


def _row(run: runs.Run, again: dict[str, Any]) -> list[str]:
    noted = [line for line in run.metrics() if line["type"] == "evaluation"]
    last = max((e for e in noted if e["step"] <= again["step"]), key=lambda e: e["step"])
    return [
        run.directory.name,
        f"{run.record.parameters:,}",
        str(run.plan.context_length),
        f"{again['step']:,}",
        f"{last['seconds'] / 60:.1f}",
        f"{last['loss']:.4f}",
        f"{again['val_loss']:.4f}",
        f"{again['bits_per_char']:.4f}",
    ]


if __name__ == "__main__":
    main()
