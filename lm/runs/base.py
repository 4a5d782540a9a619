"""The run that a run started from: where it is, and whether it is still as it was."""

from pathlib import Path

from lm.errors import BaseProblem
from lm.runs.files import tensors_checksum
from lm.runs.format import BaseRecord


def snapshot_in(directory: Path, step: int) -> Path:
    """The file of the weights after `step` steps in a run directory."""
    return directory / "snapshots" / f"{step:08d}.safetensors"


def place_of(base: BaseRecord, directory: Path) -> Path:
    """The directory of the run that the run in `directory` started from.

    It is where it was then, or beside the other, if both were moved. `BaseProblem` if it is missing or its
    snapshot has changed.
    """
    if base.path is None:
        raise BaseProblem(f"{directory} does not say where the run is that it started from.")
    there = Path(base.path)
    places = [one for one in (there, directory.parent / there.name) if one != directory]
    found = next((one for one in places if (one / "run.json").exists()), None)
    if found is None:
        raise BaseProblem(
            f"{directory} needs the run that it started from, which is no longer at {there}: put it back."
        )
    if tensors_checksum(snapshot_in(found, base.step)) != base.checksum:
        raise BaseProblem(
            f"{directory} started from step {base.step:,} of {found}, which is missing or has changed since: "
            "restore that run from a copy."
        )
    return found
