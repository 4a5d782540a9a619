"""Deleted runs, until it is certain that nobody wants them back.

A deleted run is moved into a hidden folder beside the runs, under an unguessable key. The page that deleted it
names the key as long as it is open; an hour after that the run is really removed.
"""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from lm.errors import RunProblem
from lm.runs.files import explained

FOLDER = ".deleted"
KEPT = 3600.0  # seconds after a page last named the run; a hidden tab names it once a minute
EACH = 60.0  # seconds between two looks for what can go
KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class Trash:
    """The deleted runs of a runs folder: `FOLDER`/key/path of the run in the runs folder."""

    def __init__(self, runs_folder: Path) -> None:
        self.runs_folder = runs_folder
        self.folder = runs_folder / FOLDER
        self._looked = 0.0

    def put(self, directory: Path) -> str:
        """Move a run here; returns the key that brings it back. `RunProblem` if it cannot be moved."""
        key = secrets.token_urlsafe(16)
        place = self.folder / key / directory.relative_to(self.runs_folder)
        with explained(self.runs_folder):
            place.parent.mkdir(parents=True)
            try:
                os.rename(directory, place)
            except FileNotFoundError:
                shutil.rmtree(self.folder / key)
                raise RunProblem("That run is no longer here: it was deleted already.") from None
        return key

    def restore(self, key: str) -> None:
        """Move a run back to where it was."""
        held = self._held(key)
        if held is None:
            raise RunProblem("That run cannot be brought back: it has been removed for good.")
        place = self.runs_folder / held.relative_to(self.folder / key)
        if place.exists():
            raise RunProblem("That run cannot be brought back: another is in its place now.")
        with explained(self.runs_folder):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(held, place)
            shutil.rmtree(self.folder / key)

    def _held(self, key: str) -> Path | None:
        """The run of a key; a run of a sweep lies one folder deeper."""
        if not KEY.fullmatch(key):
            return None
        place = self.folder / key
        found = [*place.glob("*/run.json"), *place.glob("*/*/run.json")]
        return found[0].parent if found else None

    def keep(self, keys: Iterable[str]) -> None:
        """Keep the runs of these keys for another hour."""
        for key in keys:
            if KEY.fullmatch(key):
                with contextlib.suppress(OSError):
                    os.utime(self.folder / key)

    def sweep(self) -> list[Path]:
        """Remove for good what nobody has named for an hour; returns where those runs had been."""
        if time.monotonic() - self._looked < EACH and self._looked:
            return []
        self._looked = time.monotonic()
        gone = []
        with contextlib.suppress(OSError):
            for place in self.folder.iterdir():
                if time.time() - place.stat().st_mtime > KEPT:
                    if held := self._held(place.name):
                        gone.append(self.runs_folder / held.relative_to(place))
                    shutil.rmtree(place, ignore_errors=True)
        return gone
