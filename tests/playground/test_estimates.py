"""Estimates: their protocol, and when plans are timed; how long anything takes is not tested."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from lm.ladder import RUNGS
from lm.training.loop import evaluation_due
from playground.runs.run_view import RunView
from playground.training import estimates, timing_worker
from playground.training.estimates import FREE, Estimates
from playground.training.timing_worker import Costs
from tests.playground import timing_doubles
from tests.playground.live_runs import is_running


@dataclass
class Machine:
    """What estimates know of the supervisor."""

    cores: int = 1
    device: str = "cpu"
    training: int = 0
    runs: list[RunView] = field(default_factory=list)

    def running(self) -> int:
        return self.training

    def views(self) -> list[RunView]:
        return self.runs


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def make(machine, tmp_path, monkeypatch) -> Iterator[Callable[..., Estimates]]:
    """`make(timing_doubles.answer)`: estimates from a process that does that; it notes what it timed."""
    monkeypatch.setattr(estimates, "DEBOUNCE", 0.02)
    made: list[Estimates] = []

    def build(worker: Callable[..., None]) -> Estimates:
        made.append(Estimates(machine, partial(worker, tmp_path)))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def timed(tmp_path) -> Callable[[], list[list[str]]]:
    """`timed()`: [process, batch size] of each timing so far."""

    def read() -> list[list[str]]:
        path = tmp_path / "timed"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    return read


@pytest.fixture
def settled(wait, text) -> Callable[..., float]:
    """`settled(estimates, plan)`: the seconds, once they are final."""

    def ask(asked: Estimates, plan) -> float:
        wait(lambda: asked.of(plan, text)[1], "a settled estimate")
        return asked.of(plan, text)[0]

    return ask


# The sum


@pytest.mark.parametrize(("steps", "every"), [(100, 30), (90, 30), (7, 1), (5, 100)])
def test_a_run_costs_its_steps_its_evaluations_and_a_sample_more(decoder, tiny_plan, steps, every):
    """As often as the training loop evaluates: also after the last step. It writes before the first, too."""
    plan = tiny_plan(decoder, steps=steps, evaluate_every=every)
    evaluations = sum(evaluation_due(step, plan) for step in range(1, steps + 1))
    seconds = Costs(step=1.0, evaluation=1e3, sample=1e6).of_run(plan)
    assert seconds == steps + 1e3 * evaluations + 1e6 * (evaluations + 1)


@pytest.fixture
def second(monkeypatch, text) -> None:
    """Every action "takes" a second, and a fourth of the text is read."""

    def timeit(action, number):
        action()
        return 1.0

    monkeypatch.setattr(timing_worker, "timeit", timeit)
    monkeypatch.setattr(timing_worker, "PART", len(text.corpus.text) // 4)


def test_the_part_that_is_read_of_a_text_stands_for_the_whole(
    text_rung, tiny_plan, text, second, monkeypatch
):
    """The whole text takes four times as long to evaluate, and to count."""
    monkeypatch.setattr(timing_worker, "OWN_SHARE", 0.0)
    plan = tiny_plan(text_rung, steps=3, evaluate_every=2)
    costs = timing_worker.measured("cpu", plan, text.corpus, text.tokenizer)
    counts = plan.training.learner == "counting"
    assert costs.evaluation == pytest.approx(4, rel=0.01)
    assert costs.step == pytest.approx(4 if counts else 1, rel=0.01)
    assert costs.sample == 1
    assert costs.quiet
    assert abs(costs.when - time.time()) < 60


def test_of_a_disturbed_timing_only_what_was_computed_counts(
    decoder, tiny_plan, text, second, monkeypatch
):
    """Other work that takes half of the time would double every figure."""
    monkeypatch.setattr(timing_worker.time, "thread_time", lambda: time.perf_counter() / 2)
    plan = tiny_plan(decoder, steps=3, evaluate_every=2)
    costs = timing_worker.measured("cpu", plan, text.corpus, text.tokenizer)
    assert (costs.step, costs.sample) == pytest.approx((0.5, 0.5), rel=0.01)
    assert not costs.quiet


def test_a_short_run_is_timed_whole_and_a_long_one_for_a_moment(decoder, tiny_plan, text):
    """The test would never end otherwise."""
    for steps in (1, 3, 1_000_000):
        plan = tiny_plan(decoder, steps=steps, evaluate_every=1_000)
        costs = timing_worker.measured("cpu", plan, text.corpus, text.tokenizer)
        assert min(costs.step, costs.evaluation, costs.sample) > 0


# The cache


def test_an_unknown_plan_is_timed_once_whatever_its_free_settings(
    make, settled, timed, decoder, tiny_plan, text
):
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder, steps=40)
    assert asked.of(plan, text) == (None, False)
    assert settled(asked, plan) == 40
    assert settled(asked, tiny_plan(decoder, steps=70, evaluate_every=7, seed=3)) == 70
    assert len(timed()) == 1
    assert settled(asked, tiny_plan(decoder, batch_size=5)) == 40
    assert [batch for _, batch in timed()] == ["4", "5"]


def test_a_timing_that_other_work_held_up_is_tried_again(make, wait, decoder, tiny_plan, text):
    """On a crowded machine the page said 'cannot be timed here' until the server was started anew."""
    asked, plan = make(timing_doubles.late), tiny_plan(decoder)
    assert asked.of(plan, text) == (None, False)
    wait(lambda: asked.of(plan, text)[0] is not None, "an answer")
    seconds, final = asked.of(plan, text)
    assert math.isnan(seconds) and not final


def test_free_settings_exist():
    """A name that is spelled wrongly, or was changed, would time every learning rate anew."""
    assert {name for rung in RUNGS.values() for name in rung.settings()} >= FREE


def test_another_text_is_timed_anew(make, settled, timed, decoder, tiny_plan, text):
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder)
    settled(asked, plan)
    longer = replace(text, corpus=replace(text.corpus, text=text.corpus.text * 2))
    assert asked.of(plan, longer) == (None, False)


def test_the_plans_asked_for_least_recently_are_forgotten(
    make, settled, decoder, tiny_plan, text, monkeypatch
):
    monkeypatch.setattr(estimates, "KEPT", 2)
    asked = make(timing_doubles.answer)
    plans = [tiny_plan(decoder, batch_size=size) for size in (1, 2, 3)]
    for plan in (plans[0], plans[1], plans[0], plans[2]):
        settled(asked, plan)
    assert [asked.of(plan, text)[1] for plan in plans] == [True, False, True]


# When plans are timed


def test_the_newest_request_of_each_rung_counts(
    make, wait, timed, machine, decoder, tiny_plan, text
):
    """A dragged slider asks for many plans; all but the last would only keep others waiting."""
    machine.training = 1
    asked = make(timing_doubles.answer)
    for size in (1, 2, 3):
        asked.of(tiny_plan(decoder, batch_size=size), text)
    asked.of(tiny_plan(RUNGS["bigram"], batch_size=7), text)
    machine.training = 0
    wait(lambda: len(timed()) == 2, "two timings")
    assert [batch for _, batch in timed()] == ["7", "3"]  # the newest first


def test_nothing_is_timed_while_a_run_trains(make, timed, machine, decoder, tiny_plan, text):
    machine.training = 1
    asked = make(timing_doubles.answer)
    for _ in range(20):
        assert asked.of(tiny_plan(decoder), text) == (None, False)
        time.sleep(0.02)
    assert timed() == []


def test_a_run_that_begins_ends_the_timing_which_is_taken_up_later(
    make, timed, wait, machine, decoder, tiny_plan, text
):
    asked, plan = make(timing_doubles.hang), tiny_plan(decoder)
    asked.of(plan, text)
    wait(timed, "a timing")
    machine.training = 1
    wait(lambda: not is_running(int(timed()[0][0])), "the end of the process")
    machine.training = 0
    assert asked.of(plan, text) == (None, False)
    wait(lambda: len(timed()) == 2, "another timing")


def test_a_disturbed_timing_is_told_and_repeated(
    make, wait, settled, decoder, tiny_plan, text, monkeypatch
):
    monkeypatch.setattr(estimates, "REPEAT", math.inf)
    asked, plan = make(timing_doubles.disturbed_once), tiny_plan(decoder, steps=4)
    wait(lambda: asked.of(plan, text)[0], "an estimate")
    assert asked.of(plan, text) == (40, False)
    monkeypatch.setattr(estimates, "REPEAT", 0.0)
    assert settled(asked, plan) == 4


# The pace of runs


@pytest.fixture
def run_of(new_run, tmp_path) -> Callable[..., RunView]:
    """`run_of(plan, per_step, steps=100)`: a run that has trained so many steps at that pace."""

    def make(plan, per_step: float, steps: int = 100) -> RunView:
        view = RunView(new_run(tmp_path / "run", plan))
        lines = [
            {"type": "step", "step": n, "loss": 1.0, "seconds": n * per_step}
            for n in range(1, steps + 1)
        ]
        view.run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.utime(view.run.metrics_path, (time.time() + 60,) * 2)  # later than the timing
        view.refresh()
        return view

    return make


@pytest.mark.parametrize(("per_step", "final"), [(1.2, True), (0.9, True), (3.0, False)])
def test_the_pace_of_a_later_run_replaces_the_timing(
    make, settled, machine, run_of, decoder, tiny_plan, text, per_step, final
):
    """If they differ much, one of them was disturbed, and a quiet timing decides."""
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder, steps=1000)
    assert settled(asked, plan) == 1000
    machine.runs = [run_of(tiny_plan(decoder, steps=200), per_step)]
    assert asked.of(plan, text) == (pytest.approx(1000 * per_step), final)


@pytest.mark.parametrize("why", ["another shape", "older than the timing", "hardly begun"])
def test_the_pace_of_other_runs_does_not_count(
    make, settled, machine, run_of, decoder, tiny_plan, text, why
):
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder, steps=1000)
    settled(asked, plan)
    shape = {"batch_size": 5} if why == "another shape" else {}
    steps = 3 if why == "hardly begun" else 100
    machine.runs = [run_of(tiny_plan(decoder, steps=1000, **shape), 3.0, steps)]
    if why == "older than the timing":
        os.utime(machine.runs[0].run.metrics_path, (1, 1))
    assert asked.of(plan, text) == (1000, True)


def test_a_later_timing_replaces_the_pace(
    make, settled, machine, run_of, decoder, tiny_plan, text, monkeypatch
):
    """A run in a busy hour must not count for good."""
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder, steps=1000)
    settled(asked, plan)
    machine.runs = [run_of(plan, 3.0)]
    assert asked.of(plan, text)[0] == pytest.approx(3000)
    long_ago = time.time() - 60
    os.utime(machine.runs[0].run.metrics_path, (long_ago, long_ago))
    monkeypatch.setattr(estimates, "REPEAT", -math.inf)
    assert settled(asked, plan) == 1000


@pytest.mark.parametrize(
    ("timed_before", "steps", "left"), [(True, 0, 1000), (True, 500, 1500), (False, 500, 1500)]
)
def test_the_seconds_left_are_of_the_run_s_own_pace_if_it_has_one(
    make, settled, machine, run_of, decoder, tiny_plan, text, timed_before, steps, left
):
    """A timing says 1 second a step; the run takes 3."""
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder, steps=1000, evaluate_every=1000)
    if timed_before:
        settled(asked, plan)
    assert asked.left(run_of(plan, 3.0, steps)) == pytest.approx(left)


def test_of_an_unknown_plan_nothing_is_known(make, run_of, decoder, tiny_plan):
    assert make(timing_doubles.answer).left(run_of(tiny_plan(decoder), 1.0, 0)) is None


# The end


def test_a_plan_that_kills_its_process_cannot_be_timed_and_the_next_can(
    make, settled, machine, tmp_path, decoder, tiny_plan
):
    asked = make(timing_doubles.die)
    assert math.isnan(settled(asked, tiny_plan(decoder, batch_size=1)))
    asked._worker = partial(timing_doubles.answer, tmp_path)
    assert settled(asked, tiny_plan(decoder, batch_size=2)) == 40


@pytest.mark.parametrize("error", [OSError("no more processes"), ValueError("a fault")])
def test_a_timing_that_does_not_start_is_tried_again(
    make, wait, settled, decoder, tiny_plan, text, monkeypatch, error
):
    """It ended the timing thread: no plan was timed any more."""

    def fail(*_):
        raise error

    monkeypatch.setattr(estimates, "REPEAT", 0.0)
    asked, plan = make(timing_doubles.answer), tiny_plan(decoder)
    with monkeypatch.context() as broken:
        broken.setattr(estimates.processes, "start", fail)
        wait(lambda: asked.of(plan, text)[0] is not None, "an answer")
        seconds, final = asked.of(plan, text)
        assert math.isnan(seconds) and not final
    assert settled(asked, plan) == 40


def test_closing_breaks_off_the_timing_and_nothing_is_timed_afterwards(
    make, timed, wait, decoder, tiny_plan, text
):
    asked = make(timing_doubles.hang)
    asked.of(tiny_plan(decoder), text)
    wait(timed, "a timing")
    asked.close()
    wait(lambda: not is_running(int(timed()[0][0])), "the end of the process")
    assert asked.of(tiny_plan(decoder, batch_size=9), text) == (None, False)
    time.sleep(0.2)
    assert len(timed()) == 1
