"""Row 14: damages of the files of small runs, each followed by everything that people do with a run.

A use of a damaged run must end as on the undamaged one, or in one sentence that names a damaged file. Anything
else is a fault: a traceback, another result without a word, a sentence that does not name the file, a use that
does not end.
"""

import contextlib
import random
import shutil
import signal
import tempfile
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lm import corpora
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress
from tests.benchmarks.uses import Refused, Uses, command

DAMAGES = 500
MODELS = ("bigram", "decoder_transformer")
LONGEST = 20.0  # seconds after which a use counts as one that does not end
TEXT_LENGTH = 3000  # characters
SETTINGS = {
    "n_embd": 8,
    "n_head": 2,
    "n_layer": 1,
    "dropout": 0.2,
    "context_length": 8,
    "batch_size": 4,
    "steps": 12,
    "evaluate_every": 6,
    "warmup_steps": 2,
}
RIGHT, TOLD = "right", "told"
FAULTS = ("another result", "traceback", "not the file's name", "no sentence", "no end")


class Endless(BaseException):
    """A use took longer than `LONGEST`; no `except Exception` of the program may catch it."""


@dataclass(frozen=True)
class Base:
    """An undamaged run, and the result of each use of it."""

    name: str
    model: str
    directory: Path
    results: dict[str, Any]


@dataclass(frozen=True)
class Damage:
    """One damage: the kind of it, and the files that are no longer as they were."""

    kind: str
    files: tuple[str, ...]

    @property
    def file(self) -> str:
        """The first file as a row of the table; all snapshots are one row."""
        folder, _, name = self.files[0].rpartition("/")
        return f"{folder}/*" if folder else name


@dataclass(frozen=True)
class Outcome:
    """The end of one use of one damaged run."""

    number: int
    base: str
    damage: Damage
    use: str
    kind: str
    told: str = ""


@benchmark("Damaged runs", rounds=1, with_corpus=False)
@click.option("--damages", type=click.IntRange(1), help=f"How many; {DAMAGES}.")
@click.option("--seed", default=1, show_default=True, help="Of the random damages.")
@click.option("--only", type=int, help="Only the damage of this number, as the table lists it.")
def main(setup: Setup, damages: int | None, seed: int, only: int | None) -> Result:
    """Row 14: random damages of small runs, finished and stopped, and what people then meet."""
    count = damages or (12 if setup.quick else DAMAGES)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name, _uses(Path(name) / "runs") as uses:
        bases = _bases(Path(name), uses, MODELS[:1] if setup.quick else MODELS)
        for number in range(1, count + 1) if only is None else [only]:
            outcomes += _damaged(number, random.Random(f"{seed} {number}"), bases, uses)
            if number % 50 == 0:
                faults = sum(one.kind in FAULTS for one in outcomes)
                progress(f"{number} of {count} damages: {faults} faults in {len(outcomes)} uses")
    return Result(
        [_by_file(outcomes), _by_use(outcomes), _faults(outcomes)],
        [
            f"{count} damages, seed {seed}; the runs: {', '.join(base.name for base in bases)}",
            "right: the numbers and texts of the undamaged run; told: one sentence that names a damaged file",
            "each fault is listed once for its file, kind and use, with the number of a damage (`--only`)",
        ],
    )


@contextlib.contextmanager
def _uses(folder: Path) -> Iterator[Uses]:
    folder.mkdir()
    uses = Uses(folder)
    try:
        yield uses
    finally:
        uses.close()


def _bases(folder: Path, uses: Uses, models: Sequence[str]) -> list[Base]:
    """Runs of these models, each finished and stopped half-way. Every use of them must be repeatable."""
    text = folder / "play.txt"
    text.write_text(corpora.load("synthetic_plays").text[:TEXT_LENGTH], "utf-8")
    bases = []
    for model in models:
        for state, until in (("finished", []), ("stopped", ["--until-val-loss", 99])):
            name = f"{model}, {state}"
            directory = folder / f"{model}-{state}"
            command("train", model, "--out", directory, "--corpus", text, *_flags(model), *until)
            first, again = (
                {use: _in_time(act, copy) for use, act in uses.all(model).items()}
                for copy in (_copied(directory, uses, f"{directory.name}-{i}") for i in (1, 2))
            )
            for use, result in first.items():
                if result != again[use]:
                    raise click.ClickException(f"“{use}” of {name} does not give the same twice.")
            bases.append(Base(name, model, directory, first))
    return bases


def _flags(model: str) -> list[object]:
    known = command("train", model, "--help")
    named = ((f"--{name.replace('_', '-')}", value) for name, value in SETTINGS.items())
    return [word for flag, value in named if f" {flag} " in known for word in (flag, value)]


def _damaged(number: int, chance: random.Random, bases: list[Base], uses: Uses) -> list[Outcome]:
    """Damage a copy of one of the runs and use it in every way."""
    base = chance.choice(bases)
    directory = _copied(base.directory, uses, f"damaged-{number}")
    damage = do_damage(directory, chance)
    found = []
    for use, act in uses.all(base.model).items():
        kind, told = _outcome(act, directory, base.results[use], damage)
        found.append(Outcome(number, base.name, damage, use, kind, told))
    shutil.rmtree(directory)
    return found


def _copied(directory: Path, uses: Uses, name: str) -> Path:
    return Path(shutil.copytree(directory, uses.folder / name))


def _outcome(
    act: Callable[[Path], Any], directory: Path, wanted: Any, damage: Damage
) -> tuple[str, str]:
    """(RIGHT, TOLD or one of FAULTS, what was told) of one use."""
    try:
        result = _in_time(act, directory)
    except Refused as refused:
        said = str(refused).replace(str(directory.parent), "…")
        if "\n" in said or not said.rstrip().endswith((".", "!")):
            return "no sentence", said
        return (TOLD if _named(said, damage) else "not the file's name"), said
    except Endless:
        return "no end", f"after {LONGEST:.0f} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return "traceback", f"{error!r} in {Path(place.filename).name}:{place.lineno}"
    if result == wanted:
        return RIGHT, ""
    return "another result", _difference(result, wanted)


def _named(said: str, damage: Damage) -> bool:
    """Whether a sentence names a damaged file; without run.json there is no run, which the page may say so."""
    gone = damage == Damage("delete", ("run.json",))
    return any(Path(file).name in said for file in damage.files) or (gone and "no longer" in said)


def _in_time(act: Callable[[Path], Any], directory: Path) -> Any:
    """The result of a use; `Endless` if it takes longer than `LONGEST`."""

    def too_long(number: int, frame: Any) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        return act(directory)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _difference(result: Any, wanted: Any, place: str = "") -> str:
    """The first place at which two results differ, and both values there."""
    if isinstance(result, dict) and isinstance(wanted, dict):
        for name in sorted(wanted.keys() | result.keys()):
            if result.get(name) != wanted.get(name):
                return _difference(result.get(name), wanted.get(name), f"{place}.{name}")
    if isinstance(result, list) and isinstance(wanted, list):
        if len(result) != len(wanted):
            return f"{place.strip('.')}: {len(wanted)} became {len(result)}"
        for i, (a, b) in enumerate(zip(result, wanted, strict=True)):
            if a != b:
                return _difference(a, b, f"{place}.{i}")
    return f"{place.strip('.')}: {str(wanted)[:20]!r} became {str(result)[:20]!r}"


# Damages


def do_damage(directory: Path, chance: random.Random) -> Damage:
    """Damage the files of a run at random; at least one of them is another or gone afterwards."""
    files = sorted(str(p.relative_to(directory)) for p in directory.rglob("*.*") if p.is_file())
    rows: dict[str, list[str]] = defaultdict(list)  # all snapshots together count as one file
    for file in files:
        rows[file.rpartition("/")[0] or file].append(file)
    while True:
        file = chance.choice(rows[chance.choice(sorted(rows))])
        kind = chance.choice([*CHANGES, "delete", "swap"])
        path = directory / file
        if kind == "delete":
            path.unlink()
            return Damage(kind, (file,))
        old = path.read_bytes()
        if kind == "swap":
            other = chance.choice(files)
            new = (directory / other).read_bytes()
            if new != old:
                path.write_bytes(new)
                (directory / other).write_bytes(old)
                return Damage(kind, (file, other))
        elif old and (new := CHANGES[kind](old, chance)) != old:
            path.write_bytes(new)
            return Damage(kind, (file,))


def _flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _zero(data: bytes, chance: random.Random) -> bytes:
    begin, length = chance.randrange(len(data)), chance.choice((1, 16, 512))
    return data[:begin] + bytes(len(data[begin : begin + length])) + data[begin + length :]


def _repeat_line(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def _drop_line(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def _append(data: bytes, chance: random.Random) -> bytes:
    rubbish = chance.choice((chance.randbytes(100), b"\0" * 100, b"{}\n", data[-50:]))
    return data + rubbish


CHANGES = {
    "flip a bit": _flip,
    "cut": _cut,
    "zero": _zero,
    "repeat a line": _repeat_line,
    "drop a line": _drop_line,
    "append": _append,
}


# Tables


def _by_file(outcomes: list[Outcome]) -> Table:
    """Damages by file and kind, with those of them that led to a fault."""
    kinds = [*CHANGES, "delete", "swap"]
    cells: dict[tuple[str, str], dict[int, bool]] = defaultdict(dict)
    for one in outcomes:
        for cell in ((one.damage.file, one.damage.kind), (one.damage.file, "all")):
            cells[cell][one.number] = cells[cell].get(one.number, False) or one.kind in FAULTS
    rows = []
    for file in sorted({one.damage.file for one in outcomes}):
        found = [cells[file, kind] for kind in [*kinds, "all"]]
        rows.append([file, *(_cell(len(cell), sum(cell.values())) for cell in found)])
    title = "Damages by file and kind; in brackets those that led to a fault"
    return Table(("file", *kinds, "all"), rows, title)


def _cell(damages: int, faulty: int) -> str:
    return f"{damages} ({faulty})" if faulty else str(damages or "–")


def _by_use(outcomes: list[Outcome]) -> Table:
    counts = Counter((one.use, one.kind) for one in outcomes)
    kinds = (RIGHT, TOLD, *FAULTS)
    uses = list(dict.fromkeys(one.use for one in outcomes))
    rows = [[use, *(str(counts[use, kind]) for kind in kinds)] for use in uses]
    rows.append(["all", *(str(sum(counts[use, kind] for use in uses)) for kind in kinds)])
    return Table(("use", *kinds), rows, "How the uses of the damaged runs ended")


def _faults(outcomes: list[Outcome]) -> Table:
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if one.kind in FAULTS:
            groups[one.damage.file, one.damage.kind, one.use, one.kind].append(one)
    rows = [
        [*group, str(len(found)), str(found[0].number), found[0].told.replace("\n", " ")[:150]]
        for group, found in sorted(groups.items())
    ]
    columns = ("file", "damage", "use", "fault", "times", "number", "the first of them")
    return Table(columns, rows or [["none", *[""] * 6]], "Faults")


if __name__ == "__main__":
    main()
