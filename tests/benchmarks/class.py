# ruff: noqa: N999 (only `python -m` names this module)
"""Row 12: a class of thirty on two cores: how quickly polls and pages are answered, and what memory it leaves.

Most visitors send what the page sends, recorded from a browser at the beginning, without drawing anything;
three are real browsers. All arrive within seconds; half train a bigram, half a decoder transformer.
"""

import contextlib
import random
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import click
from playwright.sync_api import Browser, Page

from tests.benchmarks import app
from tests.benchmarks.memory import megabytes
from tests.benchmarks.recorded_visit import Script, record
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress
from tests.benchmarks.visit import (
    BELOW,
    LONGEST,
    PROCESSES,
    Seen,
    crowd,
    told_place,
    visits,
)

VISITORS, BROWSERS = 30, 3
LESSONS: dict[str, dict[str, object]] = {"bigram": {"steps": 1000}, app.DECODER: {"steps": 150}}
ARRIVAL = 5.0  # seconds within which all arrive
AFTER = 60.0  # seconds after the last has left
POLL_REACH, PAGE_REACH = 250.0, 1500.0  # milliseconds, of 95 %
MEMORY_REACH = 1.1  # of the idle memory


@dataclass
class Wave:
    """What one class met, and the memory that it took."""

    seen: list[Seen] = field(default_factory=list)  # of those without a browser
    watched: list[Seen] = field(default_factory=list)  # of the browsers
    seconds: float = 0.0
    peak: float = 0.0  # MB
    after: float = 0.0  # MB

    @property
    def everyone(self) -> list[Seen]:
        """All visitors."""
        return self.seen + self.watched

    @property
    def polls(self) -> list[float]:
        """Milliseconds of each poll, sorted."""
        return sorted(1000 * seconds for one in self.seen for seconds in one.polls)

    @property
    def pages(self) -> list[float]:
        """Milliseconds until each page was answered, sorted."""
        return sorted(1000 * one.page for one in self.seen)

    @property
    def files(self) -> list[float]:
        """Milliseconds until each page and all of its files were there, sorted."""
        return sorted(1000 * one.files for one in self.seen)


@benchmark("A class on two cores", rounds=2, with_corpus=False)
@click.option(
    "--visitors", type=click.IntRange(2), help=f"Visitors, browsers included; {VISITORS}."
)
@click.option("--browsers", type=click.IntRange(0), help=f"Real browsers among them; {BROWSERS}.")
@click.option("--seed", default=1, show_default=True, help="Of the moments of arrival.")
def main(setup: Setup, visitors: int | None, browsers: int | None, seed: int) -> Result:
    """Row 12: polls, pages, runs and memory of a class that arrives within seconds; a class per round."""
    count, real = visitors or (4 if setup.quick else VISITORS), browsers
    real = min(count - 2, (1 if setup.quick else BROWSERS) if real is None else real)
    lessons = {key: app.TINY | {"steps": 40} for key in LESSONS} if setup.quick else LESSONS
    after = 2.0 if setup.quick else AFTER
    with app.chromium() as browser:
        app.give_way()
        with app.running() as playground:  # another server, so that the recording takes no memory
            scripts = [
                record(playground, app.new_page(browser), rung, **settings)
                for rung, settings in lessons.items()
            ]
        progress("recorded a visit of each kind")
        with crowd() as pool, app.running() as playground:
            for _ in playground.settle():
                pass
            idle = _memory(playground)
            waves = []
            for number in range(1, setup.rounds + 1):
                chance = random.Random(f"{seed} {number}")
                moments = sorted(chance.uniform(0, ARRIVAL) for _ in range(count - real))
                wave = _class(playground, browser, pool, scripts, lessons, moments, real)
                time.sleep(after)
                wave.after = _memory(playground)
                waves.append(wave)
                progress(f"class {number} of {setup.rounds}: {wave.seconds:.0f} s")
    rows = [_row(number, wave) for number, wave in enumerate(waves, start=1)]
    columns = (
        "class",
        "polls p50, ms",
        "p95",
        "max",
        "pages p50, ms",
        "p95",
        "with files p95",
        "refused",
        "finished",
    )
    memory = [["idle", f"{idle:,.0f}", ""]]
    for number, wave in enumerate(waves, start=1):
        memory.append([f"class {number}, peak", f"{wave.peak:,.0f}", f"{wave.peak / idle:.0%}"])
        memory.append([f"{after:.0f} s after it", f"{wave.after:,.0f}", f"{wave.after / idle:.0%}"])
    return Result(
        [
            Table(columns, rows, "Visitors"),
            Table(("memory", "MB", "of idle"), memory, "Memory"),
            Table(("", "reach", "measured", "holds"), _bars(waves, idle, count), "Reached"),
            Table(("trouble", "times"), _troubles(waves), "Refusals and failures"),
        ],
        [
            f"{count} visitors a class, all on the same cores as the server: {real} in a headless Chromium of "
            f"priority 10 below the server's, as training is, the others in {PROCESSES} processes of priority "
            f"{BELOW} below it, without a browser; they arrive within {ARRIVAL:.0f} s; "
            + " and ".join(f"{key} of {one['steps']} steps" for key, one in lessons.items()),
            "polls and pages: of the visitors without a browser; a page: until it and its load events are "
            "answered, while its files are fetched, too; with files: until these have come as well",
            "refused: visitors who had to press Train more than once; memory: PSS of the server and its "
            "processes",
        ],
        counted=1,
    )


def _class(
    playground: app.App,
    browser: Browser,
    pool: ProcessPoolExecutor,
    scripts: list[Script],
    lessons: dict[str, dict[str, object]],
    moments: list[float],
    real: int,
) -> Wave:
    """Thirty visitors from the first to the last; moments: seconds until each without a browser comes."""
    wave, began = Wave(), time.perf_counter()
    with _peak(playground, wave):
        seen = visits(pool, playground.url, scripts, moments)
        wave.watched = _browse(playground, browser, lessons, real)
        wave.seen = [one for share in seen for one in share.result()]
    wave.seconds = time.perf_counter() - began
    return wave


def _browse(
    playground: app.App, browser: Browser, lessons: dict[str, dict[str, object]], count: int
) -> list[Seen]:
    """Real browsers: open the page, train, wait until the run has ended, write, and leave."""
    pages: list[tuple[str, Page, Seen]] = []
    for number in range(count):
        rung = list(lessons)[number % len(lessons)]
        page, seen = app.new_page(browser), Seen()
        began = time.perf_counter()
        app.open_rung(page, playground, rung, **lessons[rung])
        seen.page = time.perf_counter() - began
        app.press(page, rung, "train")
        pages.append((rung, page, seen))
    deadline = time.monotonic() + LONGEST
    waiting = list(pages)
    while waiting and time.monotonic() < deadline:
        time.sleep(0.5)
        for rung, page, seen in list(waiting):
            _look_at(rung, page, seen)
            if seen.status in ("finished", "stopped", "failed"):
                waiting.remove((rung, page, seen))
    for rung, page, seen in pages:
        with contextlib.suppress(Exception):
            page.locator(f"#sample-{rung}").click()
            page.wait_for_function("() => document.querySelector('.written .made')", timeout=60_000)
            seen.wrote = True
        page.context.close()
    return [seen for _, _, seen in pages]


def _look_at(rung: str, page: Page, seen: Seen) -> None:
    """Read the status strip as a person does; a refused visitor presses Train again."""
    told = page.evaluate(
        """(key) => {
          const { run, status, queue } = Playground.tab(key).record;
          const strip = document.querySelector(`#panel-${key} .strip`).textContent;
          const notice = document.getElementById(`notice-${key}`)?.textContent.trim();
          return { run, status, queue: queue ?? null, strip, notice };
        }""",
        rung,
    )
    # Still the included run: Train was refused, or is on its way.
    if (told["run"] or "").startswith("shipped:"):
        if told["notice"]:
            seen.refusals.append(told["notice"])
            app.press(page, rung, "train")
        return
    seen.status = told["status"] or ""
    if seen.status == "queued":
        seen.waited = True
        if told_place(told["queue"]) and str(told["queue"]["place"]) in told["strip"]:
            seen.places.append(told["queue"]["place"])
        else:
            seen.unplaced += 1


# Memory


@contextlib.contextmanager
def _peak(playground: app.App, wave: Wave) -> Iterator[None]:
    """Note the greatest memory while the block lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            wave.peak = max(wave.peak, megabytes(playground))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _memory(playground: app.App) -> float:
    """Megabytes now: the median of some seconds."""
    samples = []
    for _ in range(5):
        samples.append(megabytes(playground))
        time.sleep(0.5)
    return statistics.median(samples)


# Tables


def share(values: list[float], part: float) -> float:
    """The value that this part of the sorted values does not exceed; 0 of none."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def _row(number: int, wave: Wave) -> list[str]:
    polls, pages, everyone = wave.polls, wave.pages, wave.everyone
    finished = sum(one.status == "finished" for one in everyone)
    return [
        f"{number}: {len(everyone)} visitors, {wave.seconds:.0f} s",
        *(
            f"{value:,.0f}"
            for value in (share(polls, 0.5), share(polls, 0.95), max(polls, default=0))
        ),
        *(
            f"{value:,.0f}"
            for value in (share(pages, 0.5), share(pages, 0.95), share(wave.files, 0.95))
        ),
        str(sum(bool(one.refusals) for one in everyone)),
        f"{finished} of {len(everyone)}",
    ]


def _bars(waves: list[Wave], idle: float, count: int) -> list[list[str]]:
    everyone = [one for wave in waves for one in wave.everyone]
    polls = max(share(wave.polls, 0.95) for wave in waves)
    pages = max(share(wave.pages, 0.95) for wave in waves)
    refused = sum(bool(one.refusals) for one in everyone)
    finished = sum(one.status == "finished" for one in everyone)
    after = max(wave.after for wave in waves) / idle
    waited = [one for one in everyone if one.waited]
    told = sum(not one.unplaced for one in waited)
    failures = sum(len(one.failures) for one in everyone)
    wrote = sum(one.wrote for one in everyone)
    rows = [
        ("polls, p95", f"≤ {POLL_REACH:.0f} ms", f"{polls:,.0f} ms", polls <= POLL_REACH),
        ("pages, p95", f"≤ {PAGE_REACH / 1000} s", f"{pages / 1000:.1f} s", pages <= PAGE_REACH),
        ("visitors refused", "0", str(refused), refused == 0),
        ("runs finished", "all", f"{finished} of {len(everyone)}", finished == len(everyone)),
        ("texts written", "all", f"{wrote} of {len(everyone)}", wrote == len(everyone)),
        ("requests failed", "0", str(failures), failures == 0),
        (
            "told a place in the queue",
            "all who wait",
            f"{told} of {len(waited)}",
            told == len(waited),
        ),
        (
            "memory afterwards",
            f"≤ {MEMORY_REACH:.0%} of idle",
            f"{after:.0%}",
            after <= MEMORY_REACH,
        ),
    ]
    return [[name, reach, value, "yes" if holds else "NO"] for name, reach, value, holds in rows]


def _troubles(waves: list[Wave]) -> list[list[str]]:
    counts: dict[str, int] = {}
    for one in (one for wave in waves for one in wave.everyone):
        unfinished = [f"{one.status}: {one.reason}"] if one.status != "finished" else []
        for trouble in one.refusals + one.failures + unfinished:
            counts[trouble[:150]] = counts.get(trouble[:150], 0) + 1
    rows = [[trouble, str(times)] for trouble, times in sorted(counts.items())]
    return rows or [["none", ""]]


if __name__ == "__main__":
    main()
