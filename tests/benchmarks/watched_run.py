"""Row 7: steps per second of a run that a browser shows, and of the same run without app and browser."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm import runs
from lm.ladder import RUNGS
from tests.benchmarks import app, lm_command
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns

COLUMNS = ("", "ms per step, median", "steps per second", "steps per second, whole run")
STEPS = 300
TURN = 15.0  # seconds with a page, and without one
LOADING = 6.0  # seconds that a page needs to load


@dataclass(frozen=True)
class Reading:
    """Steps per second: of the median step, and over all steps of the run together."""

    usual: float
    overall: float


@benchmark("Steps per second: watched in a browser, and headless", with_corpus=False)
@click.option("--rung", type=click.Choice(list(RUNGS)), default=app.DECODER, show_default=True)
@click.option("--steps", default=STEPS, show_default=True, help="To read of each run.")
def main(setup: Setup, rung: str, steps: int) -> Result:
    """Row 7: a run started in the app with one browser, and the same run by `python -m lm train`.

    The first steps of each are read, then the run is stopped. After that one longer run is measured in turns,
    with and without a page that shows it, so that both see the same load of the machine.
    """
    steps, settings = (50, app.TINY) if setup.quick else (steps, {})
    with TemporaryDirectory() as name:
        folder = Path(name)
        like: list[runs.RunRecord] = []

        def watched(_: int) -> Reading:
            with app.running() as playground, app.chromium() as browser:
                page = app.new_page(browser)
                app.open_rung(page, playground, rung, **settings)
                for _ in playground.settle():
                    pass
                app.press(page, rung, "train")
                run = _reached(playground, steps)
                like.append(run.record)
                return _read(run, steps)

        def headless(number: int) -> Reading:
            record = like[-1]
            plan = record.plan["model"] | record.plan["training"]
            flags = lm_command.flags(plan | {"steps": steps})
            corpus = record.corpus.path or record.corpus.name
            return _read(lm_command.train(folder / str(number), corpus, *flags, model=rung), steps)

        found = take_turns(setup.rounds, {"watched": watched, "headless": headless})
    rows = [_row(name, readings) for name, readings in found.items()]
    rows.append(["watched / headless", "", *_shares(found["watched"], found["headless"])])
    pairs, turn = (1, 2.0) if setup.quick else (3 * setup.rounds, TURN)
    turns = _in_turns(rung, pairs, turn)
    later = [
        ["a page shows it", spread((watched for watched, _ in turns), 2)],
        ["no page is open", spread((alone for _, alone in turns), 2)],
        ["with / without", spread((watched / alone for watched, alone in turns), 2)],
    ]
    return Result(
        [Table(COLUMNS, rows), Table(("one run, in turns", "steps per second"), later)],
        [
            f"{rung}, the first {steps} steps of {like[0].tokens_per_step:,} tokens, the same settings and "
            "text; from the seconds in each run's metrics, without its evaluations",
            "the browser shows the rung's tab as a visitor's does, and runs on the same cores",
            f"in turns: {pairs} pairs of {turn:.0f} s",
        ],
    )


def _in_turns(rung: str, pairs: int, turn: float) -> list[tuple[float, float]]:
    """Steps per second of one run after its first seconds, in pairs: with a page that shows it, without."""
    found = []
    with app.running() as playground, app.chromium() as browser:
        page = app.new_page(browser)
        app.open_rung(page, playground, rung, steps=10_000)
        for _ in playground.settle():
            pass
        app.press(page, rung, "train")
        run = _reached(playground, 10)
        for _ in range(pairs):
            app.open_rung(page, playground, rung)  # the browser remembers the run
            time.sleep(LOADING)
            watched = _pace(run, turn)
            page.goto("about:blank")
            time.sleep(1.0)
            found.append((watched, _pace(run, turn)))
    return found


def _pace(run: runs.Run, turn: float) -> float:
    """Steps per second, without evaluations, over the next `turn` seconds."""
    before = len(lm_command.step_seconds(run))
    time.sleep(turn)
    seconds = lm_command.step_seconds(run)[before:]
    if not seconds:
        raise click.ClickException("The run is over before it could be watched in turns.")
    return 1 / statistics.mean(seconds)


def _reached(playground: app.App, steps: int) -> runs.Run:
    """The app's run, after at least `steps` steps."""
    while True:
        time.sleep(0.5)  # on the disk, not through the page: the browser is left alone
        run = playground.newest_run()
        if run is None:
            continue
        status, reason, _ = run.status()
        if len(lm_command.step_seconds(run)) >= steps - 1:
            return run
        if status in ("stopped", "failed"):
            raise click.ClickException(f"The run in the app was {status}: {reason}")


def _read(run: runs.Run, steps: int) -> Reading:
    seconds = lm_command.step_seconds(run)[: steps - 1]
    return Reading(1 / statistics.median(seconds), 1 / statistics.mean(seconds))


def _row(name: str, readings: list[Reading]) -> list[str]:
    return [
        name,
        spread((1 / one.usual for one in readings), 1, 1000),
        spread((one.usual for one in readings), 2),
        spread((one.overall for one in readings), 2),
    ]


def _shares(watched: list[Reading], headless: list[Reading]) -> list[str]:
    pairs = [
        ([getattr(one, which) for one in watched], [getattr(one, which) for one in headless])
        for which in ("usual", "overall")
    ]
    return [f"{statistics.median(a) / statistics.median(b):.0%}" for a, b in pairs]


if __name__ == "__main__":
    main()
