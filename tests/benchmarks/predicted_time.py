"""Row 11: the predicted time of a run over its measured time."""

import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm.ladder import RUNGS
from lm.openmp import WAITING
from lm.plan import Plan
from lm.runs.preparation import PreparedText
from playground.runs.library import Library
from playground.services import SHIPPED, Services
from playground.training.estimates import Estimates
from playground.training.supervisor import ENDED, Supervisor
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress

COLUMNS = ("", "predicted, s", "measured, s", "predicted / measured")
RECOVERY = (
    "speedrun",
    "told on a busy machine, s",
    "told once it is quiet, s",
    "seconds until then",
)
LONGEST = 60.0  # seconds
PATIENCE = 120.0  # seconds until a disturbed timing counts
BUSY = 45.0  # seconds that other processes keep every core busy


@benchmark("Predicted and measured time of a run", rounds=1)
@click.option(
    "--longest",
    default=LONGEST,
    show_default=True,
    help="Runs of more predicted seconds are left out.",
)
def main(setup: Setup, longest: float) -> Result:
    """Row 11: every recipe of every rung, one after the other, as the page starts them."""
    os.environ.update(WAITING)  # for the processes that train
    found: list[tuple[Plan, float, float]] = []
    for number in range(1, setup.rounds + 1):
        for plan, told, taken in _round(setup, longest):
            found.append((plan, told, taken))
            progress(f"round {number} of {setup.rounds}: {', '.join(_row(plan, told, taken))}")
    ratios = sorted(told / taken for _, told, taken in found)
    close = sum(abs(ratio - 1) <= 0.3 for ratio in ratios)
    recovered = [
        [plan.rung.title, _seconds(busy), f"{later:.1f}", f"{seconds:.0f}"]
        for plan, busy, later, seconds in _after_a_busy_machine(setup)
    ]
    return Result(
        [Table(COLUMNS, [_row(*one) for one in found]), Table(RECOVERY, recovered)],
        [
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}; within 30 %: {close} of {len(ratios)}",
            "measured: from the order to train until the run has ended, with its evaluations and samples",
            f"each round is a new start of the server; runs of more than {longest:.0f} s are left out",
        ],
        counted=1,
    )


def _round(setup: Setup, longest: float) -> Iterator[tuple[Plan, float, float]]:
    """Each plan, its predicted seconds before it is trained, and those that it took."""
    with TemporaryDirectory() as folder:
        supervisor = Supervisor(cores=setup.cores)
        services = Services(supervisor, Library(Path(folder), SHIPPED, supervisor))
        try:
            services.prepare()
            for plan in _plans(setup):
                text = services.texts.get(setup.corpus, plan.tokenizer)
                told = _told(services.estimates, plan, text, 0 if setup.quick else PATIENCE)
                if told <= longest:
                    yield plan, told, _taken(services, plan, text)
        finally:
            services.close()


def _after_a_busy_machine(setup: Setup) -> Iterator[tuple[Plan, float, float, float]]:
    """Each plan, its seconds as told in a busy minute, as told later, and the seconds until that settled."""
    with TemporaryDirectory() as folder:
        supervisor = Supervisor(cores=setup.cores)
        services = Services(supervisor, Library(Path(folder), SHIPPED, supervisor))
        plans = [
            RUNGS[name].plan("speedrun")
            for name in ("bigram", "single_head_attention", "decoder_transformer")
        ]
        text = services.texts.get(setup.corpus)
        others = [multiprocessing.Process(target=_keep_busy) for _ in range(2 * setup.cores)]
        try:
            services.prepare()
            for process in others:
                process.start()
            for plan in plans:
                services.estimates.of(plan, text)
            time.sleep(3.0 if setup.quick else BUSY)
            disturbed = [services.estimates.of(plan, text)[0] for plan in plans]
            for process in others:
                process.kill()
            quiet_since = time.monotonic()
            for plan, told in zip(plans, disturbed, strict=True):
                later = _told(services.estimates, plan, text, 3.0 if setup.quick else PATIENCE)
                yield plan, told or math.nan, later, time.monotonic() - quiet_since
        finally:
            for process in others:
                process.kill()
            services.close()


def _keep_busy() -> None:
    while True:
        pass


def _told(estimates: Estimates, plan: Plan, text: PreparedText, patience: float) -> float:
    """Predicted seconds; a disturbed timing is repeated for `patience` seconds, then it counts."""
    deadline = time.monotonic() + patience
    while True:
        seconds, settled = estimates.of(plan, text)
        if seconds is not None and (settled or time.monotonic() > deadline):
            return seconds
        time.sleep(0.1)


def _seconds(told: float) -> str:
    return "not timed yet" if math.isnan(told) else f"{told:.1f}"


def _row(plan: Plan, told: float, taken: float) -> list[str]:
    name = f"{plan.rung.title}, {plan.recipe or 'its own settings'}"
    return [name, f"{told:.1f}", f"{taken:.1f}", f"{told / taken:.2f}"]


def _plans(setup: Setup) -> list[Plan]:
    if setup.quick:
        return [RUNGS["bigram"].plan(steps=50)]
    return [rung.plan(recipe.name) for rung in RUNGS.values() for recipe in rung.recipes]


def _taken(services: Services, plan: Plan, text: PreparedText) -> float:
    run = text.new_run(services.library.new_directory(plan.rung.name), plan)
    began = time.perf_counter()
    token = services.supervisor.start(run, text.data, paused=False)
    while services.library.answer(token, 10**9, 10**9)["status"] not in ENDED:
        time.sleep(0.05)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
