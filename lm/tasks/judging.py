"""How right answers are: the share of lines that are exactly right, and the edit distance to the right answer.

Several answers may be right for a line: the nearest counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lm.corpora.pairs import Unit
from lm.edit_distance import edit_distances


@dataclass(frozen=True)
class Judged:
    """Answers to held-out lines, judged: the share exactly right, and the edit distance over the length.

    The distance is to the nearest right answer, in characters or words (sounds), over the length of that.
    """

    exact: float
    edit_distance: float


@dataclass(frozen=True)
class Counts:
    """Lines answered and those exactly right, the errors in all, and the length of the right answers."""

    lines: int
    right: int
    errors: int
    length: int


def judged(answers: Sequence[str], right: Sequence[Sequence[str]], unit: Unit) -> Judged:
    """Answers, each with the answers that are right for it, judged; (N,) each, N ≥ 1."""
    counts = counts_of(answers, right, unit)
    return Judged(counts.right / counts.lines, counts.errors / counts.length)


def counts_of(answers: Sequence[str], right: Sequence[Sequence[str]], unit: Unit) -> Counts:
    """Answers, each with the answers that are right for it, counted; (N,) each, N ≥ 0."""
    exact = [answer in accepted for answer, accepted in zip(answers, right, strict=True)]
    written: list[Sequence[str]] = []
    wanted: list[Sequence[str]] = []
    owner: list[int] = []
    for number, (answer, accepted) in enumerate(zip(answers, right, strict=True)):
        for one in accepted:
            written.append(_pieces(answer, unit))
            wanted.append(_pieces(one, unit))
            owner.append(number)
    distances = edit_distances(written, wanted)
    nearest_one: dict[int, tuple[int, int]] = {}  # distance and length of the nearest right answer
    for number, distance, pieces in zip(owner, distances.tolist(), wanted, strict=True):
        this = (distance, len(pieces))
        nearest_one[number] = min(nearest_one.get(number, this), this)
    errors = sum(distance for distance, _ in nearest_one.values())
    length = sum(length for _, length in nearest_one.values())
    return Counts(len(exact), sum(exact), errors, length)


def nearest(answer: str, right: Sequence[str]) -> str:
    """The right answer that is nearest to the one that was written, the first of several."""
    return right[int(edit_distances([answer] * len(right), right).argmin())]


def _pieces(line: str, unit: Unit) -> Sequence[str]:
    """A line in characters, or in words."""
    return line if unit == "character" else line.split()
