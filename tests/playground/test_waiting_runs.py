"""Whatever trains waits for a core in the queue; a place in it is checked and taken at once."""

import os
import threading
import time

import pytest

from lm.errors import RunProblem
from lm.ladder import RUNGS
from playground.serving.limits import Limits
from playground.serving.visitors import Visitor
from playground.training.supervised import LIVE
from tests.playground.live_runs import LONG, process_of

ANN, BEN = Visitor("ann", "10.0.0.1"), Visitor("ben", "10.0.0.2")


@pytest.fixture
def services(make_services):
    """Of a machine with one core."""
    return make_services(cores=1)


@pytest.fixture
def start_for(services, new_run, tiny_plan, text):
    """`start_for(ANN)`: the token of a new run of a visitor, as the page starts it."""

    def begin(visitor: Visitor, leaving: str = "") -> str:
        plan = tiny_plan(RUNGS["decoder_transformer"], **LONG)
        with services.supervisor.place(visitor, leaving) as place:
            run = new_run(services.library.new_directory("decoder_transformer"), plan)
            return services.supervisor.start(run, text.data, paused=False, place=place)

    return begin


def steps_of(library, tokens) -> list[int]:
    return [library.answer(token)["step"] for token in tokens]


def test_resumed_runs_wait_like_new_ones(start, status, supervisor, library, wait):
    """Pause and Resume, eight times, once trained eight runs on two cores."""
    tokens = []
    for _ in range(4):
        tokens.append(start(**LONG))
        status(tokens[-1], "running")
        supervisor.command(tokens[-1], "pause")
        status(tokens[-1], "paused")
    for token in tokens:
        assert supervisor.command(token, "resume") in ("running", "queued")
    status(tokens[0], "running")
    assert [library.answer(token)["status"] for token in tokens[1:]] == ["queued"] * 3
    assert supervisor.running() == 1
    held = steps_of(library, tokens[1:])
    wait(lambda: library.answer(tokens[0])["step"] > 20, "the first to train")
    assert steps_of(library, tokens[1:]) == held
    supervisor.command(tokens[0], "stop")
    status(tokens[1], "running")
    wait(lambda: library.answer(tokens[1])["step"] > held[0] + 5, "the second to go on")
    assert [library.answer(token)["status"] for token in tokens[2:]] == ["queued", "queued"]


def test_a_resumed_run_comes_after_those_that_wait_already(start, status, supervisor, library):
    first = start(**LONG)
    status(first, "running")
    second = start(**LONG)
    supervisor.command(first, "pause")
    status(second, "running")
    third = start(**LONG)
    assert supervisor.command(first, "resume") == "queued"
    assert library.answer(third)["queue"]["place"] == 1
    assert library.answer(first)["queue"]["place"] == 2
    supervisor.command(second, "stop")
    status(third, "running")
    assert library.answer(first)["status"] == "queued"


@pytest.mark.parametrize("order", ["pause", "stop"])
def test_a_resumed_run_that_waits_can_be_paused_and_stopped(start, status, supervisor, order):
    paused = start(paused=True, **LONG)
    status(paused, "paused")
    other = start(**LONG)
    status(other, "running")
    assert supervisor.command(paused, "resume") == "queued"
    supervisor.command(paused, order)
    status(paused, {"pause": "paused", "stop": "stopped"}[order])
    supervisor.command(other, "stop")
    status(other, "stopped")
    time.sleep(0.2)
    assert supervisor.running() == 0  # it does not go on now


def test_single_steps_wait_too(start, status, supervisor, library, wait):
    """Who presses Step quickly enough trains; the steps that were asked for come when a core is free."""
    stepped = start(paused=True, **LONG)
    status(stepped, "paused")
    other = start(**LONG)
    status(other, "running")
    assert [supervisor.command(stepped, "step") for _ in range(3)] == ["queued"] * 3
    wait(lambda: library.answer(other)["step"] > 20, "the other to train")
    assert library.answer(stepped)["step"] == 0
    supervisor.command(other, "pause")
    wait(lambda: library.answer(stepped)["step"] == 3, "three steps")
    status(stepped, "paused")
    wait(lambda: supervisor.running() == 0, "the core to be free again")
    assert library.answer(stepped)["step"] == 3


def test_a_run_that_steps_gives_way_to_those_that_wait(start, status, supervisor, library, wait):
    """It would hold its core for as long as somebody presses Step."""
    stepped = start(paused=True, **LONG)
    status(stepped, "paused")
    other = None
    for _ in range(200):
        supervisor.command(stepped, "step", patience=0)
        other = other or start(**LONG)
    status(other, "running")
    assert library.answer(stepped)["step"] < 200
    assert library.answer(stepped)["status"] in ("queued", "paused")


def test_a_learning_rate_does_not_make_a_paused_run_train(start, status, supervisor, library):
    token = start(paused=True, **LONG)
    status(token, "paused")
    for _ in range(5):
        supervisor.command(token, "learning_rate", 0.01)
    time.sleep(0.3)
    assert library.answer(token)["step"] == 0
    assert library.answer(token)["status"] == "paused"


# Places


def test_who_waits_sees_the_place_and_a_time(start, status, supervisor, library, services, wait):
    first, second, third = (start(**LONG) for _ in range(3))
    status(first, "running")
    assert library.answer(first)["queue"] is None
    wait(lambda: library.answer(first)["step"] > 20, "a pace")
    queue = library.answer(third)["queue"]
    assert (queue["place"], queue["of"]) == (2, 2)
    assert queue["seconds"] > library.answer(second)["queue"]["seconds"] > 0
    supervisor.command(second, "stop")
    assert library.answer(third)["queue"]["place"] == 1
    assert library.answer(second)["queue"] is None


def test_of_a_burst_no_more_are_taken_than_there_is_room_for(services, start_for):
    """The check once came before the run was made, and 25 of 20 were queued."""
    services.supervisor.limits = Limits(queued_runs=3)
    running = start_for(ANN)
    taken, refused, barrier = [], [], threading.Barrier(12)

    def press() -> None:
        barrier.wait()
        try:
            taken.append(start_for(ANN))
        except RunProblem as problem:
            refused.append(str(problem))

    visitors = [threading.Thread(target=press) for _ in range(12)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert (len(taken), len(refused)) == (3, 9)
    assert all("The queue is full, 3 runs wait already: try again in" in said for said in refused)
    made = services.library.runs_folder.glob("*/run.json")
    assert len(list(made)) == 4  # the refused leave nothing
    assert services.supervisor.is_live(running)


def test_a_run_that_is_replaced_gives_up_its_place(services, supervisor, start_for):
    supervisor.limits = Limits(queued_runs=1)
    start_for(ANN)
    waiting = start_for(ANN)
    with pytest.raises(RunProblem, match="The queue is full, 1 runs wait"):
        start_for(BEN)
    newer = start_for(ANN, leaving=waiting)
    assert not supervisor.is_live(waiting)
    supervisor.command(newer, "stop")
    start_for(BEN)


def test_a_run_that_cannot_be_made_gives_its_place_back(supervisor):
    supervisor.limits = Limits(queued_runs=1)
    for _ in range(3):
        with pytest.raises(OSError), supervisor.place(ANN):
            raise OSError("no room on the disk")


def test_a_visitor_has_a_share_and_others_come_in_between(services, supervisor, start_for, library):
    supervisor.limits = Limits(visitor_running=1, visitor_queued=2)
    supervisor.cores = 2
    ann = [start_for(ANN) for _ in range(3)]
    assert [library.answer(token)["status"] == "queued" for token in ann] == [False, True, True]
    with pytest.raises(RunProblem, match="2 of your runs wait already"):
        start_for(ANN)
    ben = [start_for(BEN), start_for(BEN)]
    assert library.answer(ben[0])["status"] in ("starting", "running")  # the second core
    places = [library.answer(token)["queue"]["place"] for token in (*ann[1:], ben[1])]
    assert places == [1, 3, 2]


def test_a_closed_supervisor_starts_nothing(services, supervisor, start_for, start):
    token = start(**LONG)
    supervisor.close()
    with pytest.raises(RunProblem, match="about to end"):
        start_for(ANN)
    assert not supervisor.is_live(token)
    assert supervisor.command(token, "resume") not in LIVE
    assert process_of(services, token) is None or process_of(services, token).exitcode is not None


def test_a_run_whose_steps_are_being_fitted_is_not_taken_for_another(
    services, start_for, tiny_plan, new_run, text
):
    """Its process writes run.json anew. On a busy machine the page saw "unknown", and the race never ended."""
    start_for(ANN)
    run = new_run(services.library.new_directory("bigram"), tiny_plan(RUNGS["bigram"]))
    token = services.supervisor.start(run, text.data, paused=False, budget=5.0)
    os.utime(run.directory / "run.json", ns=(0, 0))
    assert services.library.answer(token)["status"] == "queued"
    other = start_for(BEN)
    os.utime(services.library.view(other).run.directory / "run.json", ns=(0, 0))
    assert services.library.answer(other)["status"] == "unknown"
