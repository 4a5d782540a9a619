"""Shared by every benchmark: options, taking turns, and a table with the machine's description."""

import functools
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from lm import corpora
from lm.corpora import Corpus
from lm.errors import Problem
from tests.benchmarks import machine

T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """The options of a benchmark. `quick` means tiny counts: a smoke test, not a measurement."""

    corpus: str
    rounds: int
    cores: int
    quick: bool

    def text(self) -> Corpus:
        """The text that models learn."""
        return corpora.load(self.corpus)


@dataclass(frozen=True)
class Table:
    """Rows of text under column titles; `title` is printed above, for benchmarks with several tables."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def plain(self) -> str:
        """The table for a terminal: the first column is aligned left, the others right."""
        lines = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        lines.insert(1, ["─" * width for width in widths])
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass
class Result:
    """The result of a benchmark: tables and notes.

    `counted` is the number of values in a median, if that is not the number of rounds.
    """

    tables: list[Table]
    notes: list[str] = field(default_factory=list)
    counted: int | None = None


def benchmark(
    title: str, *, rounds: int = 3, with_corpus: bool = True
) -> Callable[[Callable[..., Result]], click.Command]:
    """Make a command of `function(setup, …) -> Result` that prints the result and the machine's description."""

    def decorate(function: Callable[..., Result]) -> click.Command:
        @functools.wraps(function)
        def command(quick: bool, cores: int, markdown: bool, corpus: str = "", **own: Any) -> None:
            turns = own.pop("rounds") or (1 if quick else rounds)
            machine.use_cores(cores)
            load = os.getloadavg()[0]  # of other processes on this machine
            repeat = 1 if quick else 10
            before = machine.product_rate(repeat)
            try:
                result = function(Setup(_located(corpus), turns, cores, quick), **own)
            except Problem as problem:
                raise click.ClickException(str(problem)) from None
            state = _state(load, before, machine.product_rate(repeat))
            heading = f"{title} (a smoke test, not a measurement)" if quick else title
            click.echo(_page(heading, result, cores, result.counted or turns, state, markdown))

        options = [
            click.option("--rounds", type=click.IntRange(1), help=f"Rounds of turns; {rounds}."),
            click.option("--cores", default=2, show_default=True, help="Processor cores to use."),
            click.option("--markdown", is_flag=True, help="Print Markdown."),
            click.option("--quick", is_flag=True, help="Tiny counts: only check that it runs."),
        ]
        if with_corpus:
            text = "tiny_shakespeare"
            options.insert(0, click.option("--corpus", default=text, help=f"The text; {text}."))
        made: Any = command
        for option in reversed(options):
            made = option(made)
        return click.command(context_settings={"max_content_width": 100})(made)

    return decorate


def take_turns(rounds: int, contestants: Mapping[str, Callable[[int], T]]) -> dict[str, list[T]]:
    """Call A, B, A, B …: the results of each contestant, called with the round's number from 1."""
    results: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, contestant in contestants.items():
            began = time.perf_counter()
            results[name].append(contestant(number))
            progress(f"round {number} of {rounds}: {name}, {time.perf_counter() - began:.1f} s")
    return results


def progress(text: str) -> None:
    """Print a line of progress to stderr; it is not part of the result."""
    click.echo(text, err=True)


def spread(values: Iterable[float], digits: int = 0, factor: float = 1.0) -> str:
    """The median, with minimum and maximum in brackets: "12.3 (12.1–12.9)"."""
    scaled = sorted(value * factor for value in values)
    middle = f"{statistics.median(scaled):,.{digits}f}"
    if len(scaled) == 1:
        return middle
    return f"{middle} ({scaled[0]:,.{digits}f}–{scaled[-1]:,.{digits}f})"


def times(ratio: float) -> str:
    """A ratio as text: "12.3 ×"."""
    return f"{ratio:.1f} ×"


def _page(
    title: str,
    result: Result,
    cores: int,
    counted: int,
    state: str,
    markdown: bool,
) -> str:
    about = [
        machine.description(cores),
        state,
        f"medians (least–greatest) of {counted}, in turns" if counted > 1 else "a single reading",
        *result.notes,
    ]
    parts = [f"### {title}" if markdown else f"{title}\n{'=' * len(title)}"]
    for table in result.tables:
        if table.title:
            parts.append(f"**{table.title}**" if markdown else table.title)
        parts.append(table.markdown() if markdown else table.plain())
    parts.append("\n".join(f"- {line}" for line in about))
    return "\n\n".join(parts) + "\n"


def _state(load: float, before: float, after: float) -> str:
    """The state of the machine: load at the start, matrix-product rate at the start and at the end."""
    product = f"{machine.PRODUCT} × {machine.PRODUCT} fp32 matrix product"
    return (
        f"load average {load:.1f} at the start; {product}: {before / 1e9:.0f} GFLOP/s before, "
        f"{after / 1e9:.0f} after"
    )


def _located(corpus: str) -> str:
    """The absolute path of a file, because contestants run in other folders; a name is not changed."""
    path = Path(corpus)
    return str(path.absolute()) if corpus and path.is_file() else corpus
