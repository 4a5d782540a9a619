"""A folder that is made whole or not at all: a packed run or sweep, and a run for other programs."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from lm.errors import RunProblem
from lm.runs.files import explained


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[None]:
    """Make a folder, to be filled inside; after any error there nothing is left of it.

    `RunProblem` if something of that name exists already, or on a full or read-only disk.
    """
    if out.exists():
        raise RunProblem(f"{out} already exists: choose a new folder.")
    try:
        with explained(out):
            out.mkdir(parents=True)
            yield
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder and its folders."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
