"""Real training processes: their life from the queue to the end, and every way it can end."""

import time

import pytest

from lm import runs, tasks
from lm.devices import available_cores
from lm.runs import recording
from lm.training.loop import evaluation_due, train
from playground.training.supervisor import LIVE
from tests.conftest import of_typical_rungs
from tests.playground.live_runs import LONG, directory_of, process_of, types

# A life


@of_typical_rungs
def test_a_run_starts_trains_and_finishes(start, status, library, rung):
    token = start(rung=rung.name, steps=30, evaluate_every=15)
    answer = status(token, "finished")
    plan = library.view(token).run.plan
    assert answer["train"]["step"] == list(range(1, plan.steps + 1))
    evaluated = [e["step"] for e in answer["events"] if e["type"] == "evaluation"]
    assert evaluated == [n for n in range(1, plan.steps + 1) if evaluation_due(n, plan)]
    assert answer["best"] == min(e["loss"] for e in answer["events"] if e["type"] == "evaluation")
    assert {"sample", "snapshot"} <= set(types(answer))
    assert answer["reason"] is None and answer["run"] == token


def test_a_run_learns_the_same_as_one_without_a_page(
    start, status, library, new_run, tiny_plan, text, tmp_path
):
    token = start(steps=12)
    learned = status(token, "finished")["train"]["loss"]
    alone = new_run(tmp_path / "alone", library.view(token).run.plan)
    for _ in recording.record(alone, train(alone.plan, tasks.text_data(text.corpus))):
        pass
    losses = [round(line["loss"], 4) for line in alone.metrics() if line["type"] == "step"]
    assert learned == pytest.approx(losses, abs=2e-4)


def test_a_run_that_starts_paused_has_something_to_show(start, status, library):
    token = start(paused=True, **LONG)
    answer = status(token, "paused")
    wait_for = {"sample", "snapshot"}
    assert answer["step"] == 0
    while not wait_for <= set(types(answer)):  # the status may come a moment before the sample
        assert answer["status"] == "paused"
        time.sleep(0.02)
        answer = library.answer(token)
    assert answer["train"]["step"] == []
    assert library.view(token).run.snapshots() == [0]


def test_each_step_is_exactly_one(start, status, supervisor, library, step_reached):
    token = start(paused=True, **LONG)
    status(token, "paused")
    for wanted in (1, 2, 3):
        assert supervisor.command(token, "step") == "paused"
        step_reached(token, wanted)
        time.sleep(0.2)  # it would have gone on by now
        assert library.answer(token)["step"] == wanted


def test_two_orders_to_step_are_two_steps(start, status, supervisor, library, step_reached):
    token = start(paused=True, **LONG)
    status(token, "paused")
    for _ in range(2):
        supervisor.command(token, "step")
    step_reached(token, 2)
    time.sleep(0.2)
    assert library.answer(token)["step"] == 2


def test_a_step_that_is_evaluated_brings_its_evaluation(start, status, supervisor, library, wait):
    token = start(paused=True, steps=100, evaluate_every=1)
    status(token, "paused")
    supervisor.command(token, "step")
    wait(lambda: types(library.answer(token)).count("sample") == 2, "the sample of step 1")
    answer = library.answer(token)
    assert answer["step"] == 1 and answer["status"] == "paused"
    assert [e["step"] for e in answer["events"] if e["type"] == "evaluation"] == [1]


def test_pause_holds_and_resume_goes_on(start, status, supervisor, library, step_reached):
    token = start(**LONG)
    step_reached(token, 3)
    supervisor.command(token, "pause")
    status(token, "paused")
    held = library.answer(token)["step"]
    time.sleep(0.3)
    assert library.answer(token)["step"] == held
    supervisor.command(token, "resume")
    status(token, "running")
    step_reached(token, held + 5)


def test_stop_keeps_everything_up_to_the_last_step(
    start, status, services, supervisor, step_reached
):
    token = start(**LONG)
    step_reached(token, 5)
    supervisor.command(token, "stop")
    last = status(token, "stopped")["step"]
    run = runs.open_run(directory_of(services, token))
    checkpoint, _ = run.checkpoint()
    assert checkpoint.step == last == run.metrics()[-1]["step"]
    assert run.status() == ("stopped", None, last)
    assert run.model()[1] == last  # its snapshot, too, is of the last step


def test_a_paused_run_can_be_stopped(start, status, services, supervisor):
    token = start(paused=True, **LONG)
    status(token, "paused")
    supervisor.command(token, "stop")
    assert status(token, "stopped")["step"] == 0
    assert runs.open_run(directory_of(services, token)).checkpoint()[0].step == 0


def test_stop_at_once_after_start_is_obeyed(start, status, supervisor):
    token = start(**LONG)
    supervisor.command(token, "stop")
    status(token, "stopped")


def test_orders_in_the_wrong_order_and_twice_do_no_harm(start, status, supervisor):
    token = start(paused=True, **LONG)
    for order in ("resume", "pause", "pause", "resume", "resume", "step", "nonsense", "pause"):
        assert supervisor.command(token, order) in LIVE
    status(token, "paused")
    for order in ("stop", "stop", "resume", "step", "pause"):
        supervisor.command(token, order)
    status(token, "stopped")
    for order in ("resume", "step", "pause", "stop", "learning_rate"):
        assert supervisor.command(token, order, 0.1) == "stopped"


def test_an_unknown_token_commands_nothing(supervisor):
    for order in ("pause", "resume", "step", "stop", "learning_rate"):
        assert supervisor.command("nobody", order) == "unknown"


def test_a_learning_rate_changed_on_the_way_is_written_down_and_used(
    start, status, services, supervisor, library, step_reached, wait
):
    token = start(decay="constant", warmup_steps=0, learning_rate=0.001, **LONG)
    step_reached(token, 3)
    supervisor.command(token, "learning_rate", 0.0003)
    wait(lambda: "learning_rate" in types(library.answer(token)), "the change")
    changed = next(e for e in library.answer(token)["events"] if e["type"] == "learning_rate")
    assert changed["learning_rate"] == 0.0003
    step_reached(token, changed["step"] + 3)
    supervisor.command(token, "stop")
    status(token, "stopped")
    rates = {
        line["step"]: line["learning_rate"]
        for line in runs.open_run(directory_of(services, token)).metrics()
        if line["type"] == "step"
    }
    assert all(rates[n] == (0.001 if n <= changed["step"] else 0.0003) for n in rates)


# Several at once


def test_two_train_and_a_third_waits_for_a_place(start, status, supervisor, library, step_reached):
    first, second, third = (start(**LONG) for _ in range(3))
    status(first, "running")
    status(second, "running")
    waiting = library.answer(third)
    assert (waiting["status"], waiting["step"]) == ("queued", 0)
    assert supervisor.running() == 2
    step_reached(first, 2)
    step_reached(second, 2)
    assert library.answer(third)["status"] == "queued"
    supervisor.command(first, "stop")
    status(third, "running")
    step_reached(third, 2)
    assert library.answer(second)["status"] == "running"


def test_a_paused_run_gives_its_place_to_the_next(start, status, make_services):
    services = make_services(cores=1)
    first = start(on=services, **LONG)
    status(first, "running", on=services)
    second = start(on=services, **LONG)
    assert services.library.answer(second)["status"] == "queued"
    services.supervisor.command(first, "pause")
    status(second, "running", on=services)
    assert services.library.answer(first)["status"] == "paused"


def test_a_queued_run_can_be_stopped(start, status, make_services):
    services = make_services(cores=1)
    first, second = start(on=services, **LONG), start(on=services, **LONG)
    assert services.supervisor.command(second, "stop") == "stopped"
    assert services.library.answer(second)["status"] == "stopped"
    assert runs.open_run(directory_of(services, second)).status()[0] == "stopped"
    status(first, "running", on=services)
    assert process_of(services, second) is None


def test_what_is_ordered_of_a_queued_run_holds_when_it_starts(start, status, make_services, wait):
    services = make_services(cores=1)
    first = start(on=services, **LONG)
    paused, stepped, eager, changed = (start(on=services, paused=i == 2, **LONG) for i in range(4))
    services.supervisor.command(paused, "pause")
    services.supervisor.command(stepped, "step")
    services.supervisor.command(eager, "step")
    services.supervisor.command(eager, "resume")
    services.supervisor.command(changed, "learning_rate", 0.0003)
    assert {services.library.answer(t)["status"] for t in (paused, stepped, eager, changed)} == {
        "queued"
    }
    services.supervisor.command(first, "stop")
    assert status(paused, "paused", on=services)["step"] == 0
    status(stepped, "paused", on=services)
    wait(lambda: services.library.answer(stepped)["step"] == 1, "the one step")
    status(eager, "running", on=services)
    services.supervisor.command(eager, "stop")
    status(changed, "running", on=services)
    wait(lambda: "learning_rate" in types(services.library.answer(changed)), "the new rate")


def test_each_model_trains_as_if_alone(start, status):
    tokens = [start(steps=15, seed=seed) for seed in (1, 2, 1)]
    losses = [status(token, "finished")["train"]["loss"] for token in tokens]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[2], abs=1e-3)


@pytest.mark.parametrize(("stated", "cores"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_a_space_states_its_cores(monkeypatch, stated, cores):
    monkeypatch.setenv("CPU_CORES", stated)
    assert available_cores() == cores or (cores is None and available_cores() >= 1)
