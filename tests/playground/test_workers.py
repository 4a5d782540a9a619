"""Real training processes: their life from the queue to the end, and every way it can end."""

import json
import os
import re
import time
from types import SimpleNamespace

import pytest

from lm import runs
from lm.ladder import RUNGS
from lm.runs import recording
from lm.training.loop import evaluation_due, train
from playground import workers as workers_module
from playground.actions import Actions
from playground.workers import LIVE, available_cores
from tests.playground.live_runs import LONG, directory_of, process_of, types

# A life


def test_a_run_starts_trains_and_finishes(start, status, workers, rung):
    token = start(rung=rung.name, steps=30, evaluate_every=15)
    answer = status(token, "finished")
    plan = workers.view(token).run.plan
    assert answer["train"]["step"] == list(range(1, plan.steps + 1))
    evaluated = [e["step"] for e in answer["events"] if e["type"] == "evaluation"]
    assert evaluated == [n for n in range(1, plan.steps + 1) if evaluation_due(n, plan)]
    assert answer["best"] == min(e["loss"] for e in answer["events"] if e["type"] == "evaluation")
    assert {"sample", "snapshot"} <= set(types(answer))
    assert answer["reason"] is None and answer["run"] == token


def test_a_run_learns_the_same_as_one_without_a_page(
    start, status, workers, new_run, tiny_plan, text, tmp_path
):
    token = start(steps=12)
    learned = status(token, "finished")["train"]["loss"]
    alone = new_run(tmp_path / "alone", workers.view(token).run.plan)
    for _ in recording.record(alone, train(alone.plan, runs.data_for(text.corpus))):
        pass
    losses = [round(line["loss"], 4) for line in alone.metrics() if line["type"] == "step"]
    assert learned == pytest.approx(losses, abs=2e-4)


def test_a_run_that_starts_paused_has_something_to_show(start, status, workers):
    token = start(paused=True, **LONG)
    answer = status(token, "paused")
    wait_for = {"sample", "snapshot"}
    assert answer["step"] == 0
    while not wait_for <= set(types(answer)):  # the status may come a moment before the sample
        assert answer["status"] == "paused"
        time.sleep(0.02)
        answer = workers.answer(token)
    assert answer["train"]["step"] == []
    assert workers.view(token).run.snapshots() == [0]


def test_each_step_is_exactly_one(start, status, workers, step_reached):
    token = start(paused=True, **LONG)
    status(token, "paused")
    for wanted in (1, 2, 3):
        assert workers.command(token, "step") == "paused"
        step_reached(token, wanted)
        time.sleep(0.2)  # it would have gone on by now
        assert workers.answer(token)["step"] == wanted


def test_two_orders_to_step_are_two_steps(start, status, workers, step_reached):
    token = start(paused=True, **LONG)
    status(token, "paused")
    for _ in range(2):
        workers.command(token, "step")
    step_reached(token, 2)
    time.sleep(0.2)
    assert workers.answer(token)["step"] == 2


def test_a_step_that_is_evaluated_brings_its_evaluation(start, status, workers, wait):
    token = start(paused=True, steps=100, evaluate_every=1)
    status(token, "paused")
    workers.command(token, "step")
    wait(lambda: types(workers.answer(token)).count("sample") == 2, "the sample of step 1")
    answer = workers.answer(token)
    assert answer["step"] == 1 and answer["status"] == "paused"
    assert [e["step"] for e in answer["events"] if e["type"] == "evaluation"] == [1]


def test_pause_holds_and_resume_goes_on(start, status, workers, step_reached):
    token = start(**LONG)
    step_reached(token, 3)
    workers.command(token, "pause")
    status(token, "paused")
    held = workers.answer(token)["step"]
    time.sleep(0.3)
    assert workers.answer(token)["step"] == held
    workers.command(token, "resume")
    status(token, "running")
    step_reached(token, held + 5)


def test_stop_keeps_everything_up_to_the_last_step(start, status, workers, step_reached):
    token = start(**LONG)
    step_reached(token, 5)
    workers.command(token, "stop")
    last = status(token, "stopped")["step"]
    run = runs.open_run(directory_of(workers, token))
    checkpoint, _ = run.checkpoint()
    assert checkpoint.step == last == run.metrics()[-1]["step"]
    assert run.status() == ("stopped", None, last)
    assert run.model()[1] == last  # its snapshot, too, is of the last step


def test_a_paused_run_can_be_stopped(start, status, workers):
    token = start(paused=True, **LONG)
    status(token, "paused")
    workers.command(token, "stop")
    assert status(token, "stopped")["step"] == 0
    assert runs.open_run(directory_of(workers, token)).checkpoint()[0].step == 0


def test_stop_at_once_after_start_is_obeyed(start, status, workers):
    token = start(**LONG)
    workers.command(token, "stop")
    status(token, "stopped")


def test_orders_in_the_wrong_order_and_twice_do_no_harm(start, status, workers):
    token = start(paused=True, **LONG)
    for order in ("resume", "pause", "pause", "resume", "resume", "step", "nonsense", "pause"):
        assert workers.command(token, order) in LIVE
    status(token, "paused")
    for order in ("stop", "stop", "resume", "step", "pause"):
        workers.command(token, order)
    status(token, "stopped")
    for order in ("resume", "step", "pause", "stop", "learning_rate"):
        assert workers.command(token, order, 0.1) == "stopped"


def test_an_unknown_token_commands_nothing(workers):
    for order in ("pause", "resume", "step", "stop", "learning_rate"):
        assert workers.command("nobody", order) == "unknown"


def test_a_learning_rate_changed_on_the_way_is_written_down_and_used(
    start, status, workers, step_reached, wait
):
    token = start(decay="constant", warmup_steps=0, learning_rate=0.001, **LONG)
    step_reached(token, 3)
    workers.command(token, "learning_rate", 0.0003)
    wait(lambda: "learning_rate" in types(workers.answer(token)), "the change")
    changed = next(e for e in workers.answer(token)["events"] if e["type"] == "learning_rate")
    assert changed["learning_rate"] == 0.0003
    step_reached(token, changed["step"] + 3)
    workers.command(token, "stop")
    status(token, "stopped")
    rates = {
        line["step"]: line["learning_rate"]
        for line in runs.open_run(directory_of(workers, token)).metrics()
        if line["type"] == "step"
    }
    assert all(rates[n] == (0.001 if n <= changed["step"] else 0.0003) for n in rates)


# Several at once


def test_two_train_and_a_third_waits_for_a_place(start, status, workers, step_reached):
    first, second, third = (start(**LONG) for _ in range(3))
    status(first, "running")
    status(second, "running")
    waiting = workers.answer(third)
    assert (waiting["status"], waiting["step"]) == ("queued", 0)
    assert workers.running() == 2
    step_reached(first, 2)
    step_reached(second, 2)
    assert workers.answer(third)["status"] == "queued"
    workers.command(first, "stop")
    status(third, "running")
    step_reached(third, 2)
    assert workers.answer(second)["status"] == "running"


def test_a_paused_run_gives_its_place_to_the_next(start, status, make_workers):
    workers = make_workers(cores=1)
    first = start(on=workers, **LONG)
    status(first, "running", on=workers)
    second = start(on=workers, **LONG)
    assert workers.answer(second)["status"] == "queued"
    workers.command(first, "pause")
    status(second, "running", on=workers)
    assert workers.answer(first)["status"] == "paused"


def test_a_queued_run_can_be_stopped(start, status, make_workers):
    workers = make_workers(cores=1)
    first, second = start(on=workers, **LONG), start(on=workers, **LONG)
    assert workers.command(second, "stop") == "stopped"
    assert workers.answer(second)["status"] == "stopped"
    assert runs.open_run(directory_of(workers, second)).status()[0] == "stopped"
    status(first, "running", on=workers)
    assert process_of(workers, second) is None


def test_what_is_ordered_of_a_queued_run_holds_when_it_starts(start, status, make_workers, wait):
    workers = make_workers(cores=1)
    first = start(on=workers, **LONG)
    paused, stepped, eager, changed = (start(on=workers, paused=i == 2, **LONG) for i in range(4))
    workers.command(paused, "pause")
    workers.command(stepped, "step")
    workers.command(eager, "step")
    workers.command(eager, "resume")
    workers.command(changed, "learning_rate", 0.0003)
    assert {workers.answer(t)["status"] for t in (paused, stepped, eager, changed)} == {"queued"}
    workers.command(first, "stop")
    assert status(paused, "paused", on=workers)["step"] == 0
    status(stepped, "paused", on=workers)
    wait(lambda: workers.answer(stepped)["step"] == 1, "the one step")
    status(eager, "running", on=workers)
    workers.command(eager, "stop")
    status(changed, "running", on=workers)
    wait(lambda: "learning_rate" in types(workers.answer(changed)), "the new rate")


def test_each_model_trains_as_if_alone(start, status):
    tokens = [start(steps=15, seed=seed) for seed in (1, 2, 1)]
    losses = [status(token, "finished")["train"]["loss"] for token in tokens]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[2], abs=1e-3)


# Runs that this server did not start


def test_a_run_of_an_earlier_server_is_shown_as_it_ended(start, status, workers, make_workers):
    token = start(steps=5)
    status(token, "finished")
    name = directory_of(workers, token).name
    later = make_workers()
    assert later.answer(token)["status"] == "unknown"
    answer = later.answer(f"local:{name}")
    assert answer["status"] == "finished" and answer["train"]["step"] == [1, 2, 3, 4, 5]
    assert later.command(f"local:{name}", "resume") == "finished"


def test_a_run_whose_server_was_killed_counts_as_stopped_once_it_is_silent(
    new_run, tiny_plan, workers, decoder
):
    run = new_run(workers.runs_folder / "old", tiny_plan(decoder))
    answer = workers.answer("local:old")
    assert answer["status"] == "running"  # another process may be writing it
    past = time.time() - workers_module.SILENCE - 1
    os.utime(run.metrics_path, (past, past))
    answer = workers.answer("local:old")
    assert answer["status"] == "stopped" and "process is gone" in answer["reason"]


def test_a_run_of_the_command_line_is_watched_while_it_is_written(
    new_run, tiny_plan, workers, decoder
):
    run = new_run(workers.runs_folder / "cli", tiny_plan(decoder))
    assert workers.answer("local:cli")["train"]["step"] == []
    with run.metrics_path.open("a") as file:
        file.write(json.dumps({"type": "step", "step": 1, "loss": 4.0, "seconds": 0.1}) + "\n")
    assert workers.answer("local:cli")["train"]["step"] == [1]
    assert not workers.is_live("local:cli")
    assert workers.command("local:cli", "stop") == "running"  # not ours to stop


def test_shipped_runs_are_found_by_their_rung(new_run, tiny_plan, workers):
    assert workers.shipped("bigram") is None
    new_run(workers.shipped_folder / "bigram", tiny_plan(RUNGS["bigram"]))
    assert workers.shipped("bigram") == "shipped:bigram"
    assert workers.knows("shipped:bigram") and not workers.knows("shipped:decoder_transformer")


def test_a_rung_may_ship_with_more_runs_than_one(new_run, tiny_plan, workers):
    for folder in ("bigram", "bigram-best", "bigram-speedrun"):
        new_run(workers.shipped_folder / folder, tiny_plan(RUNGS["bigram"]))
    assert workers.also_shipped("bigram") == {
        "best": "shipped:bigram-best",
        "speedrun": "shipped:bigram-speedrun",
    }
    assert workers.also_shipped("decoder_transformer") == {}
    shown = Actions(RUNGS["bigram"], SimpleNamespace(workers=workers)).choices(None)["choices"]
    assert ("came along, recipe best", "shipped:bigram-best") in shown


def test_folders_that_are_no_runs_are_passed_over(workers, new_run, tiny_plan):
    """Nor are runs listed that have not taken a step."""
    new_run(workers.runs_folder / "not-begun", tiny_plan(RUNGS["bigram"]))
    good = new_run(workers.runs_folder / "good", tiny_plan(RUNGS["bigram"])).directory
    recording.write_status(good, "stopped", 1234)
    (workers.runs_folder / "texts").mkdir()
    (workers.runs_folder / "a-file").write_text("x")
    (workers.runs_folder / "broken").mkdir()
    (workers.runs_folder / "broken" / "run.json").write_text("{")
    ((about, token),) = workers.local_runs("bigram")
    assert token == "local:good"
    assert re.fullmatch(r"[-\d]{10} \d\d:\d\d · own settings · 1,234 steps · .+", about)


@pytest.mark.parametrize(("stated", "cores"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_a_space_states_its_cores(monkeypatch, stated, cores):
    monkeypatch.setenv("CPU_CORES", stated)
    assert available_cores() == cores or (cores is None and available_cores() >= 1)
