"""Row 10: memory of the app when idle, and the memory that each further run adds.

The unit is the proportional set size (PSS) of the server and every process that it started: memory that
processes share, such as torch itself, is counted once.
"""

import contextlib
import statistics
import time
from pathlib import Path

import click

from lm.ladder import RUNGS
from tests.benchmarks import app
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread

TIMING = "the first page opens, plans are timed"
COLUMNS = ("", "MB", "added, MB", "peak, MB")
SETTLING = 10.0  # seconds


@benchmark("Memory of the app", with_corpus=False)
@click.option("--rung", type=click.Choice(list(RUNGS)), default=app.DECODER, show_default=True)
@click.option("--runs", "most", type=click.IntRange(1), help="Runs to start; one a core.")
def main(setup: Setup, rung: str, most: int | None) -> Result:
    """Row 10: PSS of the server and its processes: after the start, idle, with a page open, with runs."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise click.ClickException(
            "This benchmark needs Linux, which reports shared memory in smaps_rollup."
        )
    count = min(most or setup.cores, setup.cores)
    found: dict[str, list[list[float]]] = {}
    for number in range(1, setup.rounds + 1):
        with app.running() as playground, app.chromium() as browser:
            for _ in playground.settle():
                pass
            found.setdefault("idle", []).append(_samples(playground, setup))
            for started in range(count):
                page = app.new_page(browser)
                settings = app.TINY if setup.quick else {}
                app.open_rung(page, playground, rung, steps=10_000, **settings)
                if started == 0:
                    timing = [megabytes(playground) for _ in playground.settle()]
                    found.setdefault(TIMING, []).append(timing)
                    found.setdefault("a page open", []).append(_samples(playground, setup))
                app.press(page, rung, "train")
                page.wait_for_function(
                    "(key) => Playground.tab(key).record.status === 'running' &&"
                    " Playground.tab(key).record.step > 5",
                    arg=rung,
                    polling=500,
                )
                _settle(setup)
                name = f"{started + 1} run{'s' if started else ''} training"
                found.setdefault(name, []).append(_samples(playground, setup))
        progress(f"round {number} of {setup.rounds}")
    return Result(
        [Table(COLUMNS, _rows(found))],
        [
            "PSS of the server, the fork server and the workers together; the browser is not counted",
            f"{rung}, {'tiny' if setup.quick else 'with its defaults'}; as many runs train at once as "
            "there are cores",
            "each round is a new start; MB is the median of ten seconds, the peak their maximum; 1 MB is "
            "10⁶ bytes",
            f"{TIMING}: from the opening of the page until the app is idle",
        ],
    )


def _settle(setup: Setup) -> None:
    time.sleep(1 if setup.quick else SETTLING)


def _samples(playground: app.App, setup: Setup) -> list[float]:
    """Megabytes, twice a second for ten seconds."""
    samples = []
    for _ in range(2 if setup.quick else 20):
        samples.append(megabytes(playground))
        time.sleep(0.5)
    return samples


def megabytes(playground: app.App) -> float:
    """The PSS of the server and of all processes that it started."""
    return sum(map(_proportional, playground.processes())) / 1e6


def _proportional(pid: int) -> int:
    """Bytes of a process's proportional set size; 0 if the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _rows(found: dict[str, list[list[float]]]) -> list[list[str]]:
    rows: list[list[str]] = []
    before: list[float] | None = None
    for name, rounds in found.items():
        usual = [statistics.median(samples) for samples in rounds]
        compared = before is not None and name != TIMING
        added = spread(b - a for a, b in zip(before, usual, strict=True)) if compared else ""
        rows.append([name, spread(usual), added, f"{max(map(max, rounds)):,.0f}"])
        before = before if name == TIMING else usual
    return rows


if __name__ == "__main__":
    main()
