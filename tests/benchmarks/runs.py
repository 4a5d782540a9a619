"""Row 15: the Runs tab with a hundred runs of 3,000 steps: the list, and a new point on ten live curves."""

import contextlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import Page, Response

from lm import corpora, runs
from lm.ladder import RUNGS
from lm.runs import checksums, recording
from lm.runs.lock import WriterLock
from lm.runs.preparation import PreparedText
from playground.texts import Texts
from tests.benchmarks import app
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread, take_turns
from tests.browser.conftest import Processes

TINY = {"n_embd": 8, "n_head": 2, "n_layer": 1, "context_length": 16, "batch_size": 4}
EVERY = 50  # steps between two evaluations
PACE = 10.0  # steps a second of a live run
LOOKS = 15  # at the list, of a page that does not have it yet


@dataclass
class Written:
    """A run whose metrics this benchmark writes, as the process that trains it would."""

    run: runs.Run
    step: int = 0
    before: str = checksums.FIRST
    lock: WriterLock | None = None
    lines: list[bytes] = field(default_factory=list)

    def go_on(self, steps: int) -> None:
        """Write the lines of some further steps."""
        for _ in range(steps):
            self.step += 1
            loss, seconds = 1.5 + 2.6 * math.exp(-self.step / 400), 0.01 * self.step
            self._line({"type": "step", "step": self.step, "loss": loss, "seconds": seconds})
            if self.step % EVERY == 0:
                judged = {"bits_per_char": loss / math.log(2), "seconds": seconds}
                self._line({"type": "evaluation", "step": self.step, "loss": loss, **judged})
        with self.run.metrics_path.open("ab") as file:
            file.write(b"".join(self.lines))
        self.lines.clear()

    def _line(self, record: dict[str, object]) -> None:
        line = checksums.as_line(record, self.before)
        self.before = checksums.at_end(line)
        self.lines.append(line)

    def live(self) -> None:
        """Hold the lock, as a process that trains it does."""
        self.lock = WriterLock(self.run.directory)
        self.lock.acquire()
        recording.write_status(self.run.directory, "running", self.step)

    def end(self) -> None:
        """Say that it has ended."""
        recording.write_status(self.run.directory, "finished", self.step)
        if self.lock:
            self.lock.release()


def written_run(text: PreparedText, folder: Path, name: str, steps: int, planned: int) -> Written:
    """A run of the decoder that has taken so many steps; its curve is made up, and it has no weights."""
    seed = {"seed": int(name.rpartition("-")[2]) + 1}
    plan = RUNGS[app.DECODER].plan(**TINY, **seed, steps=planned, evaluate_every=EVERY)
    written = Written(text.new_run(folder / name, plan))
    written.go_on(steps)
    written.end()
    return written


@benchmark("The Runs tab: a hundred runs, and ten live curves", with_corpus=False)
@click.option("--count", default=100, show_default=True, help="Runs in the folder.")
@click.option("--steps", default=3000, show_default=True, help="Of each run.")
@click.option(
    "--turn", default=15.0, show_default=True, help="Seconds of each reading of the processor."
)
def main(setup: Setup, count: int, steps: int, turn: float) -> Result:
    """Row 15: milliseconds until the list is there; processor seconds of server and browser for new points."""
    if setup.quick:
        count, steps, turn = 12, 200, 2.0
    with TemporaryDirectory() as name:
        folder = Path(name)
        texts = Texts(folder, {})
        text = texts.get(texts.add(corpora.load("synthetic_plays").text[:20_000].encode()))
        for number in range(count):
            written_run(text, folder, f"run-{number}", steps, steps)
        growing = [written_run(text, folder, f"live-{n}", steps, 100 * steps) for n in range(10)]
        for one in growing:
            one.live()
        progress(f"{count} runs of {steps:,} steps are written")
        with app.running(folder) as playground, app.chromium() as browser:
            for _ in playground.settle():
                pass
            page = opened(app.new_page(browser), playground)
            listed = [look(page) for _ in range(3 if setup.quick else LOOKS)]
            cold, *warm = listed
            contestants = {
                "one curve, live": lambda _: reading(page, playground, growing[:1], turn),
                "ten curves, all live": lambda _: reading(page, playground, growing, turn),
            }
            found = take_turns(setup.rounds, contestants)
        for one in growing:
            one.end()
    tables = [list_table(cold, warm), points_table(found)]
    notes = [
        f"{count} finished runs and 10 live ones, {steps:,} steps each; a page asks for the whole list",
        f"live: {PACE:.0f} steps a second and run, an evaluation every {EVERY} steps, {turn:.0f} s each",
        "processor: of the server, its processes and Chromium together, above the same page with the same "
        "curves at rest; milliseconds for each step that came onto the chart",
    ]
    return Result(tables, notes)


def list_table(cold: tuple[float, float], warm: list[tuple[float, float]]) -> Table:
    """The time that a page waits for the list, and how long it takes to show it."""
    rows = [
        ["first time", f"{cold[0]:.0f}", f"{cold[1]:.0f}"],
        ["warm", spread(answer for answer, _ in warm), spread(shown for _, shown in warm)],
    ]
    return Table(("list", "ms to the answer", "ms until it is shown"), rows)


def points_table(found: dict[str, list[list[float]]]) -> Table:
    """Processor time for the points of one and of ten curves."""
    rows = []
    for name, readings in found.items():
        each, second = zip(*readings, strict=True)
        rows.append([name, spread(each, 2), spread(second, 0)])
    (one, _), (ten, _) = (list(zip(*readings, strict=True)) for readings in found.values())
    # A reading is 0 where the page took no more than at rest: then the two have no ratio.
    ratios = [b / a for a, b in zip(one, ten, strict=True) if a > 0]
    rows.append(["ten / one", spread(ratios, 2) if ratios else "–", ""])
    return Table(("new points", "ms of processor a point", "ms of processor a second"), rows)


def opened(page: Page, playground: app.App) -> Page:
    """The Runs tab, with nothing ticked."""
    page.goto(playground.url)
    page.locator("#rung-runs-button").click()
    page.locator(".runs-row").first.wait_for()
    tick(page, [])
    return page


def look(page: Page) -> tuple[float, float]:
    """Tick a run, from which all others are then told: milliseconds to the answer, and until they all are."""
    with page.expect_response(_is_list) as answer:
        shown = page.evaluate(
            """() => new Promise((done) => {
                const rows = [...document.querySelectorAll(".runs-row")];
                const words = rows.at(-1).querySelector("[data-column=what]");
                const [began, before] = [performance.now(), words.textContent];
                rows[0].querySelector(".runs-tick").click();
                const check = () => words.textContent === before
                    ? requestAnimationFrame(check) : done(performance.now() - began);
                check();
            })"""
        )
    timing = answer.value.request.timing
    tick(page, [])
    page.wait_for_timeout(500)
    return timing["responseEnd"] - timing["requestStart"], shown


def _is_list(response: Response) -> bool:
    return '"table"' in (response.request.post_data or "")


def tick(page: Page, tokens: list[str]) -> None:
    """Tick these runs only, and wait for their curves."""
    while page.locator(".runs-tick:checked").count():
        page.locator(".runs-tick:checked").first.click()
    for token in tokens:
        page.locator(f'.runs-row[data-run="{token}"] .runs-tick').check()
    page.wait_for_function(
        "(n) => document.querySelectorAll('.runs-label').length === n", arg=len(tokens)
    )


def reading(page: Page, playground: app.App, growing: list[Written], turn: float) -> list[float]:
    """[ms of processor for each new point, ms a second] of some live curves, above the same curves at rest."""
    tick(page, [f"local:{one.run.directory.name}" for one in growing])
    time.sleep(3.0)  # drawn, and at rest
    with processor(playground) as rest:
        time.sleep(turn)
    with processor(playground) as work:
        points = write_for(growing, turn)
        time.sleep(1.0)  # until the last are drawn
    used = max(0.0, work[0] - rest[0] * (turn + 1) / turn)
    return [1000 * used / points, 1000 * used / turn]


def write_for(growing: list[Written], seconds: float) -> int:
    """Let the runs take steps at their pace; returns how many in all."""
    began, taken = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        due = int(now * PACE) - taken
        for one in growing:
            one.go_on(due)
        taken += due
        time.sleep(1 / PACE)
    return taken * len(growing)


@contextlib.contextmanager
def processor(playground: app.App) -> Iterator[list[float]]:
    """The processor seconds that the server and Chromium take meanwhile; filled at the end."""
    mine = Processes.below(os.getpid())
    before = {pid: ticks(pid) for pid in mine}
    taken: list[float] = []
    yield taken
    after = {pid: ticks(pid) for pid in Processes.below(os.getpid())}
    spent = sum(now - before.get(pid, 0) for pid, now in after.items())
    taken.append(spent / os.sysconf("SC_CLK_TCK"))


def ticks(pid: int) -> int:
    """Of a process so far; 0 if it has ended."""
    with contextlib.suppress(OSError):
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(told[11]) + int(told[12])
    return 0


if __name__ == "__main__":
    main()
