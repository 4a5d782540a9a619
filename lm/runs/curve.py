"""The validation losses of a run, read without the thousands of lines between them.

A list of a hundred runs has to be there at once. The lines of steps, nearly all of metrics.jsonl, are passed
over unread; those of evaluations are checked like any others, each against the line before it.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm.errors import RunProblem
from lm.runs import checksums

PIECE = 1 << 20  # bytes that are read at once
WANTED = re.compile(rb'\n(\{"type": ?"(?:evaluation|learning_rate)"[^\n]*)')


@dataclass(frozen=True)
class Judged:
    """One evaluation: nats per character over the validation split, and the seconds of training before it.

    characters: how many were read, of a split that is too long to be read whole. right: of pairs, the share of
    lines exactly right. old: the loss on held-out text of the run that this one started from.
    """

    step: int
    loss: float
    seconds: float
    characters: int | None = None
    right: float | None = None
    old: float | None = None


class Curve:
    """What metrics.jsonl says of a run as a whole, kept up to date by `refresh` as the file grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self.judged: list[Judged] = []
        self.rates: list[tuple[int, float]] = []  # changes of the learning rate by a person
        self.seconds = 0.0  # of training so far
        self._read = 0  # bytes, whole lines
        self._tail = b""  # the last of them

    def refresh(self) -> None:
        """Read the lines that were appended; the whole file if the run was rewound. `RunProblem` if damaged."""
        try:
            self._read_on()
        except OSError as error:
            self._forget()
            raise RunProblem(f"{self.path} cannot be read: {error.strerror}.") from None
        except RunProblem:
            self._forget()
            raise

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            file.seek(max(0, self._read - len(self._tail)))
            if file.read(len(self._tail)) != self._tail:
                self._forget()
            file.seek(self._read)
            rest = b""
            while piece := file.read(PIECE):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                self._add(whole + newline)

    def _add(self, lines: bytes) -> None:
        """Take in some whole lines."""
        if not lines:
            return
        before = self._tail or b"\n"
        text = before + lines
        for found in WANTED.finditer(text, len(before) - 1):
            end = found.start(1)  # of the line before it
            ending = text[max(0, end - checksums.ENDING) : end]
            record = self._record(found[1], checksums.at_end(ending))
            if record["type"] == "learning_rate":
                self.rates.append((record["step"], record["learning_rate"]))
            else:
                loss, seconds, part = record["loss"], record["seconds"], record.get("characters")
                right = record.get("scores", {}).get("exact")
                old = record.get("old_loss")
                self.judged.append(Judged(record["step"], loss, seconds, part, right, old))
                self.seconds = seconds
        self._note_seconds(text)
        self._read += len(lines)
        self._tail = text[-checksums.ENDING :] if len(text) > checksums.ENDING else lines

    def _note_seconds(self, text: bytes) -> None:
        """Take the time from the last step in some lines."""
        if start := text.rfind(b'\n{"type":"step"') + 1:
            ending = text[max(0, start - checksums.ENDING) : start]
            line = text[start : text.index(b"\n", start)]
            record = self._record(line, checksums.at_end(ending))
            self.seconds = max(self.seconds, record["seconds"])

    def _record(self, line: bytes, before: str) -> dict[str, Any]:
        """The record in a line, with the numbers that it must have."""
        try:
            record = checksums.from_line(line, before)
            names = {"learning_rate": ("learning_rate",)}.get(record["type"], ("loss", "seconds"))
            if all(math.isfinite(record[name]) for name in ("step", *names)):
                return record
            raise ValueError("a number is not finite")
        except (ValueError, KeyError, TypeError):
            raise RunProblem(
                f"{self.path} is damaged: a line has changed. The snapshots of the "
                "run can still be used."
            ) from None
