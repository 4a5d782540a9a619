"""The facts of all runs in some folders, read again only where a run has changed since the last time."""

import contextlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lm.errors import Problem
from lm.runs import label, lock
from lm.runs.curve import Curve
from lm.runs.facts import Facts, facts
from lm.runs.run import identity, open_run

SWEEP = "sweep.json"  # a folder that holds it is a sweep, and its folders are runs (`lm/sweep.py`)
WATCHED = ("run.json", "metrics.jsonl", "status.json", label.FILE)
Stamp = tuple[object, ...]  # equal as long as nothing was written


@dataclass(frozen=True)
class Listed:
    """The runs of some folders, and the sentence on each that cannot be read."""

    runs: tuple[Facts, ...]
    problems: dict[Path, str]


@dataclass
class _Known:
    """A run as it was read."""

    stamp: Stamp
    curve: Curve
    facts: Facts | str  # or the problem with it


class Listing:
    """Lists folders; keeps the facts of each run by its identity and the times of its files."""

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}
        self._lock = threading.Lock()  # several pages may ask at once

    def of(self, *folders: Path) -> Listed:
        """The runs in these folders and in the sweeps in them; a folder that is not there holds none."""
        found = [path for folder in folders for path in directories(folder)]
        with self._lock:
            listed = [(path, self._read(path)) for path in dict.fromkeys(found)]
            for gone in self._known.keys() - set(found):
                if gone.parent in folders or gone.parent.parent in folders:
                    del self._known[gone]
        told = tuple(known.facts for _, known in listed if isinstance(known.facts, Facts))
        return Listed(told, {path: k.facts for path, k in listed if isinstance(k.facts, str)})

    def one(self, directory: Path) -> Facts | str:
        """The facts of one run, or the sentence on why it cannot be read."""
        with self._lock:
            return self._read(directory).facts

    def _read(self, directory: Path) -> _Known:
        """A run as it is now."""
        stamp, known = _stamp(directory), self._known.get(directory)
        if known is not None and known.stamp == stamp:
            return known
        same = known is not None and known.stamp[0] == stamp[0] is not None
        curve = known.curve if known and same else Curve(directory / "metrics.jsonl")
        told: Facts | str
        try:
            told = facts(open_run(directory), curve)
        except Problem as problem:
            told = str(problem)
        except OSError as error:  # deleted meanwhile
            told = f"{directory} cannot be read: {error.strerror}."
        self._known[directory] = _Known(stamp, curve, told)
        return self._known[directory]


def directories(folder: Path) -> list[Path]:
    """The run directories in a folder and in the sweeps in it, by name."""
    return [Path(path) for path in sorted(_directories(str(folder), sweeps=True))]


def _directories(folder: str, sweeps: bool) -> Iterable[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                if os.path.exists(os.path.join(entry.path, "run.json")):
                    yield entry.path
                elif sweeps and os.path.exists(os.path.join(entry.path, SWEEP)):
                    yield from _directories(entry.path, sweeps=False)


def _stamp(directory: Path) -> Stamp:
    """What tells whether a run has been written to: its identity, the times and sizes of its files, its writer.

    A killed process writes nothing any more, but lets go of its lock.
    """
    found: list[object] = [identity(directory)]
    for name in WATCHED:
        try:
            stat = os.stat(directory / name)
            found.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append(None)
    return (*found, lock.writer(directory))
