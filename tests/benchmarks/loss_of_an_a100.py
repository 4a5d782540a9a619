"""Row 3: minutes of training to a validation loss of 1.4697, nanoGPT's result on an A100 GPU."""

from pathlib import Path

import click

from tests.benchmarks import time_to_loss
from tests.benchmarks.report import Result, Setup, benchmark

FOLDER = click.Path(file_okay=False, path_type=Path)


@benchmark("Minutes of training to a validation loss of 1.4697, nanoGPT's result on an A100 GPU")
@click.option("--recipe", default="best", show_default=True, help="Of the decoder.")
@click.option("--target", default=1.4697, show_default=True, help="Nats per character.")
@click.option("--out", type=FOLDER, help="Keep the runs in this folder.")
@click.option("--run", "existing", type=FOLDER, multiple=True, help="Read this run; train none.")
def main(
    setup: Setup, recipe: str, target: float, out: Path | None, existing: tuple[Path, ...]
) -> Result:
    """Row 3: minutes on CPU cores to nanoGPT's result on an A100 GPU."""
    return time_to_loss.alone(setup, recipe, target, out, existing)


if __name__ == "__main__":
    main()
