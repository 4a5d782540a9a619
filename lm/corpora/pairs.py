"""Corpora of pairs of lines: one to read, one to write. The task is to rewrite the first as the second.

A corpus of pairs has the interface of a text (`Corpus`) where it is the same: its `text` is a line for each
pair, "source ⇥ target ↵", so that a tokenizer learns its characters, its tab and its line end from it. The
split is by source: a line that is held out was never seen, whatever stands beside it.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from lm.corpora import own_text
from lm.errors import CorpusProblem

SEPARATOR, END = "\t", "\n"  # between the lines of a pair, and after it
HELD_OUT_SHARE = 0.1  # of one's own pairs
MOST_HELD_OUT = 2_000  # different sources
LONGEST_LINE = 1_000  # characters of one's own lines; the longest context holds them
MOST_PAIRS = 500_000  # of one's own
SEED = 1

Pair = tuple[str, str]
Unit = Literal["character", "word"]


@dataclass(frozen=True)
class PairCorpus:
    """Pairs of lines and their origin.

    train, validation: the pairs to learn from, and those held out. Several pairs may have the same source;
    each of their targets is right. longer: pairs with longer lines than any that is trained on, if there are
    some. unit: of the edit distance between two targets. solve: the right target of a line that is not in the
    corpus, None if it has none. The others are as in `Corpus`.
    """

    name: str
    title: str
    description: str
    train: tuple[Pair, ...] = field(repr=False)
    validation: tuple[Pair, ...] = field(repr=False)
    longer: tuple[Pair, ...] = field(default=(), repr=False)
    unit: Unit = "character"
    floor: float | None = None
    path: str | None = None
    notice: str | None = field(default=None, compare=False)
    solve: Callable[[str], str | None] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def train_text(self) -> str:
        """The pairs to learn from, a line each: "source ⇥ target ↵"."""
        return as_text(self.train)

    @cached_property
    def validation_text(self) -> str:
        """The pairs held out, a line each. No model is trained on them."""
        return as_text(self.validation)

    @property
    def characters(self) -> int:
        """The length of the text."""
        return len(self.text)

    @property
    def text(self) -> str:
        """All pairs, also the longer ones, a line each."""
        return self.train_text + self.validation_text + as_text(self.longer)

    @cached_property
    def sha256(self) -> str:
        """The checksum of the UTF-8 bytes of all pairs, in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @cached_property
    def answers(self) -> dict[str, tuple[str, ...]]:
        """All targets of each source, in their order."""
        found: dict[str, list[str]] = {}
        for source, target in (*self.train, *self.validation, *self.longer):
            found.setdefault(source, []).append(target)
        return {source: tuple(targets) for source, targets in found.items()}

    def right(self, line: str) -> tuple[str, ...]:
        """The targets that are right for a line, in the corpus or not; () if that is not known."""
        known = self.answers.get(line)
        if known is not None:
            return known
        solved = self.solve(line) if self.solve is not None else None
        return () if solved is None else (solved,)


def as_text(pairs: Iterable[Pair]) -> str:
    """A line for each pair: "source ⇥ target ↵"."""
    return "".join(f"{source}{SEPARATOR}{target}{END}" for source, target in pairs)


def split(pairs: Sequence[Pair], held_out: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The pairs in two parts, the second with `held_out` of the sources, drawn at random.

    The draw depends only on the pairs. All pairs of a source are in the same part, in their order.
    """
    sources = sorted({source for source, _ in pairs})
    chosen = set(random.Random(SEED).sample(sources, held_out))
    train = tuple(pair for pair in pairs if pair[0] not in chosen)
    return train, tuple(pair for pair in pairs if pair[0] in chosen)


def from_tsv(
    text: str, name: str = "your_pairs", title: str = "Your own pairs", path: str | None = None
) -> PairCorpus:
    """One's own pairs, a line each: source, tab, target. Raises CorpusProblem.

    Empty lines are left out.
    """
    label = title if path is None else path
    text, notice = own_text.cleaned(text, label)
    pairs = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        parts = line.split(SEPARATOR)
        if len(parts) != 2:
            wrong = "no tab" if len(parts) == 1 else f"{len(parts) - 1} tabs"
            raise CorpusProblem(
                f"Line {number:,} of {label} has {wrong}: give a line for each pair, with one tab between its "
                "two sides."
            )
        pairs.append(_checked_pair(parts[0], parts[1], number, label))
    return _own(pairs, name, title, label, path, notice)


def from_two_texts(
    sources: str,
    targets: str,
    name: str = "your_pairs",
    title: str = "Your own pairs",
    path: str | None = None,
    labels: tuple[str, str] = ("the first text", "the second text"),
) -> PairCorpus:
    """One's own pairs from two texts of the same number of lines. Raises CorpusProblem."""
    label = title if path is None else path
    (first, one), (second, other) = (
        own_text.cleaned(text, of) for text, of in zip((sources, targets), labels, strict=True)
    )
    lines, others = (text.rstrip("\n").split("\n") for text in (first, second))
    if len(lines) != len(others):
        raise CorpusProblem(
            f"{_capital(labels[0])} has {len(lines):,} lines and {labels[1]} has {len(others):,}: give two of "
            "the same number of lines."
        )
    pairs = []
    for number, (source, target) in enumerate(zip(lines, others, strict=True), start=1):
        if SEPARATOR in source + target:
            raise CorpusProblem(
                f"Line {number:,} of {labels[0 if SEPARATOR in source else 1]} holds a tab, which separates "
                "the two sides of a pair: replace it by a space."
            )
        pairs.append(_checked_pair(source, target, number, label))
    notice = " ".join(filter(None, (one, other))) or None
    return _own(pairs, name, title, label, path, notice)


def read(path: str) -> PairCorpus:
    """One's own pairs from a file PAIRS.tsv or two files "SOURCE.txt,TARGET.txt". Raises CorpusProblem."""
    paths = [Path(part.strip()).expanduser().absolute() for part in files_of(path)]
    data = [own_text.read(one) for one in paths]
    texts = [own_text.decode(d, str(p)) if d else "" for d, p in zip(data, paths, strict=True)]
    place = ",".join(map(str, paths))
    if len(paths) == 1:
        return from_tsv(texts[0], paths[0].stem, paths[0].name, place)
    title = f"{paths[0].name} and {paths[1].name}"
    labels = (str(paths[0]), str(paths[1]))
    return from_two_texts(texts[0], texts[1], paths[0].stem, title, place, labels)


def files_of(path: str) -> list[str]:
    """The one or two files that such a path names; [] if it names no pairs."""
    parts = path.split(",")
    if len(parts) == 2 and all(part.strip() for part in parts) and not Path(path).exists():
        return parts
    return [path] if path.lower().endswith(".tsv") else []


def _own(
    pairs: list[Pair], name: str, title: str, label: str, path: str | None, notice: str | None
) -> PairCorpus:
    """One's own pairs as a corpus, split."""
    pairs = list(dict.fromkeys(pairs))
    sources = len({source for source, _ in pairs})
    if sources < 2:
        raise CorpusProblem(
            f"{_capital(label)} has {'only one different first side' if sources else 'no pairs'}: give at "
            "least two, because one is held out to check the model with."
        )
    if len(pairs) > MOST_PAIRS:
        raise CorpusProblem(
            f"{_capital(label)} has {len(pairs):,} pairs, and up to {MOST_PAIRS:,} are read: leave some out."
        )
    held_out = max(1, min(MOST_HELD_OUT, int(HELD_OUT_SHARE * sources)))
    train, validation = split(pairs, held_out)
    source = "pasted or uploaded" if path is None else f"read from {path}"
    description = f"{len(pairs):,} pairs of your own, {source}."
    return PairCorpus(name, title, description, train, validation, path=path, notice=notice)


def _checked_pair(source: str, target: str, number: int, label: str) -> Pair:
    """Both sides without white space around them. `CorpusProblem` if one is empty or too long."""
    source, target = source.strip(), target.strip()
    if not source or not target:
        side = "first" if not source else "second"
        raise CorpusProblem(
            f"The {side} side of pair {number:,} of {label} is empty: fill it, or remove the pair."
        )
    longest = max(len(source), len(target))
    if longest > LONGEST_LINE:
        raise CorpusProblem(
            f"A side of pair {number:,} of {label} has {longest:,} characters, and a line may have up to "
            f"{LONGEST_LINE:,}: shorten it, or remove the pair."
        )
    return source, target


def _capital(label: str) -> str:
    """A label at the beginning of a sentence; that of a path stays as it is."""
    return label[0].upper() + label[1:] if label.startswith("the ") else label
