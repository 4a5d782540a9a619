"""A sweep on disk: a folder with a run directory for each point, and `sweep.json`, which describes them."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lm.errors import RunProblem
from lm.runs import packing
from lm.runs.files import explained, read_json, write_json
from lm.runs.listing import SWEEP
from lm.runs.new_folder import new_folder, size_of
from lm.runs.run import open_run


class SavedPoint(BaseModel):
    """A point in sweep.json."""

    model_config = ConfigDict(frozen=True)
    directory: str
    settings: dict[str, Any]
    parameters: int


class Sweep(BaseModel):
    """The contents of sweep.json. kind: "vary" one or two settings, or "scale"."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = 1
    kind: Literal["vary", "scale"]
    model: str
    recipe: str
    given: dict[str, Any]
    varied: list[str]
    corpus: str
    corpus_title: str
    corpus_sha256: str
    points: list[SavedPoint]


def saved(folder: Path) -> Sweep | None:
    """The sweep in a folder; None if it holds none. `RunProblem` if it is damaged."""
    path = folder / SWEEP
    if not path.exists():
        return None
    try:
        return Sweep.model_validate(read_json(path))
    except ValidationError:
        raise RunProblem(f"{path} is damaged, or of another version.") from None


def save(folder: Path, sweep: Sweep) -> None:
    """Write sweep.json, making the folder. `RunProblem` if another sweep is there, or the disk is full.

    The same sweep again is no problem: it goes on where it stopped.
    """
    there = saved(folder)
    if there is not None and there != Sweep.model_validate(sweep.model_dump(mode="json")):
        raise RunProblem(
            f"{folder} holds another sweep, of {there.model}, {', '.join(there.varied)}: choose another "
            "folder, or repeat that sweep as it was."
        )
    if there is None:
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / SWEEP, sweep.model_dump(mode="json"))


def pack(folder: Path, out: Path, snapshots: int, note: str = "") -> int:
    """Copy a sweep for shipping, each of its runs as `packing.pack` does; returns its size in bytes.

    `RunProblem` if `out` exists, or a run is missing; nothing is then left of the copy.
    """
    sweep = saved(folder)
    if sweep is None:
        raise RunProblem(f"{folder} holds no sweep: there is no {SWEEP} in it.")
    with new_folder(out):
        save(out, sweep)
        runs = [open_run(folder / point.directory) for point in sweep.points]
        for run in runs:
            packing.pack(run, out / run.directory.name, snapshots, note)
    return size_of(out)
