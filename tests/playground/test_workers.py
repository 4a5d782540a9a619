"""Real training processes: their life from the queue to the end, and every way it can end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lm import recording, runs
from lm.errors import RunProblem
from lm.models import RUNGS
from lm.training import evaluation_due, train
from playground import workers as workers_module
from playground.actions import Actions
from playground.workers import LIVE, Workers, available_cores

LONG = {"steps": 100_000, "evaluate_every": 100_000}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(workers, new_run, tiny_plan, text):
    """`start(paused=True, steps=9)`: the token of a new run of the decoder."""

    def begin(*, paused=False, rung="decoder_transformer", on: Workers = workers, **changed) -> str:
        directory = on.new_directory(rung)
        run = new_run(directory, tiny_plan(RUNGS[rung], **changed))
        return on.start(run, (text.train_ids, text.validation_ids), paused=paused)

    return begin


@pytest.fixture
def status(wait_for_status, workers):
    """`status(token, "paused")`: the answer once the run has that status."""
    return lambda token, *wanted, on=workers: wait_for_status(on, token, *wanted)


@pytest.fixture
def step_reached(wait, workers):
    """`step_reached(token, 5)`: wait until the run is that far."""
    return lambda token, n: wait(lambda: workers.answer(token)["step"] >= n, f"step {n}")


def process_of(workers: Workers, token: str):
    return workers._runs[token].process


def directory_of(workers: Workers, token: str) -> Path:
    return workers.view(token).run.directory


def types(answer: dict) -> list[str]:
    return [event["type"] for event in answer["events"]]


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely unburied."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


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


# Bad ends


def test_a_killed_process_is_a_failed_run_whose_data_is_kept(start, status, workers, step_reached):
    token = start(steps=4000, evaluate_every=5)
    step_reached(token, 12)
    os.kill(process_of(workers, token).pid, signal.SIGKILL)
    answer = status(token, "failed")
    assert "killed by signal 9" in answer["reason"] and "press Train" in answer["reason"]
    assert answer["train"]["step"][:12] == list(range(1, 13))
    run = runs.open_run(directory_of(workers, token))
    assert run.status()[0] == "failed" and "signal 9" in run.status()[1]
    assert run.model()[1] >= 10
    assert workers.command(token, "resume") == "failed"
    assert workers.running() == 0


def test_the_next_run_starts_although_the_one_before_was_killed(start, status, make_workers):
    workers = make_workers(cores=1)
    first = start(on=workers, **LONG)
    status(first, "running", on=workers)
    second = start(on=workers, steps=5)
    os.kill(process_of(workers, first).pid, signal.SIGKILL)
    status(first, "failed", on=workers)
    status(second, "finished", on=workers)


def test_a_diverging_run_fails_with_advice_and_keeps_its_snapshots(start, status, workers):
    token = start(
        rung="single_head_attention",
        learning_rate=1.0,
        warmup_steps=0,
        gradient_clip=0.0,
        decay="constant",
        steps=4000,
        evaluate_every=4000,
    )
    answer = status(token, "failed")
    assert "ran away" in answer["reason"] and "learning rate of 0.3" in answer["reason"]
    assert "press Train" not in answer["reason"]
    run = runs.open_run(directory_of(workers, token))
    assert 0 in run.snapshots()
    assert run.status()[0] == "failed"
    assert answer["train"]["loss"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_fails_the_run_with_the_sentence(new_run, tiny_plan, workers, text, wait):
    run = new_run(workers.new_directory("bigram"), tiny_plan(RUNGS["bigram"], **LONG))
    run.metrics_path.unlink()
    run.metrics_path.symlink_to("/dev/full")
    token = workers.start(run, (text.train_ids, text.validation_ids), paused=False)
    wait(lambda: not workers.is_live(token), "the run to fail")
    run.metrics_path.unlink()  # reading it would never end
    run.metrics_path.touch()
    answer = workers.answer(token)
    assert answer["status"] == "failed"
    assert "disk is full; free some space" in answer["reason"]


def test_a_folder_that_vanishes_fails_the_run_with_a_sentence(start, status, workers, wait):
    token = start(paused=True, **LONG)
    status(token, "paused")
    directory = directory_of(workers, token)
    wait(lambda: workers.view(token).run.snapshots() == [0], "the first snapshot")
    shutil.rmtree(directory)
    workers.command(token, "stop")
    wait(lambda: not workers.is_live(token), "the run to end")
    answer = workers.answer(token)
    assert answer["status"] == "unknown"  # there is nothing left to show of it
    assert answer["reason"].endswith(".")
    assert start(paused=True)  # the next one starts all the same


def test_a_worker_that_does_not_answer_is_killed_and_counts_as_stopped(
    start, status, workers, step_reached, monkeypatch
):
    monkeypatch.setattr(workers_module, "STOP_PATIENCE", 0.5)
    token = start(steps=100_000, evaluate_every=5)
    step_reached(token, 6)
    os.kill(process_of(workers, token).pid, signal.SIGSTOP)
    workers.command(token, "stop")
    answer = status(token, "stopped")
    assert "out of memory" not in (answer["reason"] or "")
    assert runs.open_run(directory_of(workers, token)).status()[0] == "stopped"


# Nobody watches


def test_an_unwatched_run_is_ended_after_the_grace_time(start, make_workers, wait):
    workers = make_workers(grace=0.5)
    token = start(on=workers, **LONG)
    wait(lambda: not workers.is_live(token), "the run to be ended")
    answer = workers.answer(token)
    assert answer["status"] == "stopped"
    assert runs.open_run(directory_of(workers, token)).checkpoint()[0].step == answer["step"]


def test_a_watched_run_is_not_ended(start, make_workers, status, wait):
    workers = make_workers(grace=1.5)
    token = start(on=workers, paused=True, **LONG)
    unwatched = start(on=workers, paused=True, **LONG)
    deadline = time.monotonic() + workers.grace + 1.5

    def watch() -> bool:
        assert workers.answer(token)["status"] in LIVE
        return not workers.is_live(unwatched) and time.monotonic() > deadline

    wait(watch, "the other run to be ended")


def test_only_so_many_runs_may_wait(start, make_workers, monkeypatch):
    monkeypatch.setattr(workers_module, "MOST_QUEUED", 1)
    workers = make_workers(cores=1)
    start(on=workers, **LONG)
    workers.check_room()
    waiting = start(on=workers, **LONG)
    with pytest.raises(RunProblem, match="already wait"):
        workers.check_room()
    workers.check_room(leaving=waiting)
    workers.command(waiting, "stop")
    workers.check_room()


def test_a_queued_run_that_nobody_watches_is_given_up(start, make_workers, wait):
    workers = make_workers(cores=1, grace=1.0)
    first = start(on=workers, **LONG)
    second = start(on=workers, **LONG)

    def watch_first() -> bool:
        workers.answer(first)
        return not workers.is_live(second)

    wait(watch_first, "the queued run to be given up")
    assert process_of(workers, second) is None
    assert workers.is_live(first)


def test_only_so_many_paused_runs_are_kept(start, workers, wait, monkeypatch):
    monkeypatch.setattr(workers_module, "MOST_PAUSED", 2)
    tokens = [start(paused=True, **LONG) for _ in range(4)]
    wait(lambda: sum(workers.is_live(t) for t in tokens) == 2, "two to be ended")
    ended = [t for t in tokens if not workers.is_live(t)]
    assert all(workers.answer(t)["status"] == "stopped" for t in ended)


# The end of the server


def test_close_leaves_no_process_and_every_run_saved(start, status, workers, step_reached):
    running, paused, queued = start(**LONG), start(paused=True, **LONG), start(**LONG)
    status(paused, "paused")
    status(queued, "running")
    waiting = start(**LONG)
    step_reached(running, 3)
    pids = [process_of(workers, token).pid for token in (running, paused, queued)]
    workers.close()
    assert not any(map(is_running, pids))
    for token in (running, paused, queued, waiting):
        run = runs.open_run(directory_of(workers, token))
        assert run.status()[0] == "stopped"
    for token in (running, paused, queued):
        run = runs.open_run(directory_of(workers, token))
        assert run.checkpoint()[0].step == run.status()[2]
    assert process_of(workers, waiting) is None


SERVER = """
import sys, time
from pathlib import Path
from lm import corpora, recording, runs
from playground.workers import Workers

if __name__ == "__main__":
    workers = Workers(Path(sys.argv[1]).parent, Path("nowhere"), cores=2)
    run = runs.open_run(Path(sys.argv[1]))
    other = runs.open_run(Path(sys.argv[2]))
    data = runs.data_for(corpora.load(sys.argv[3]))
    ids = data.train.numpy(), data.validation.numpy()
    tokens = [workers.start(run, ids, paused=False), workers.start(other, ids, paused=True)]
    while workers.answer(tokens[0])["step"] < 3 or workers.answer(tokens[1])["status"] != "paused":
        time.sleep(0.02)
    print(*[workers._runs[token].process.pid for token in tokens], flush=True)
    time.sleep(600)
"""


def test_when_the_server_is_killed_no_worker_outlives_it(new_run, tiny_plan, tmp_path, play, wait):
    plan = tiny_plan(RUNGS["decoder_transformer"], **LONG)
    directories = [new_run(tmp_path / name, plan).directory for name in ("one", "two")]
    corpus, script = tmp_path / "play.txt", tmp_path / "server.py"
    corpus.write_text(play)
    script.write_text(SERVER)
    server = subprocess.Popen(
        [sys.executable, str(script), *map(str, [*directories, corpus])],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 2 and all(map(is_running, pids))
    finally:
        server.kill()
        server.wait()
    wait(lambda: not any(map(is_running, pids)), "the workers to end")
    for directory in directories:  # what is on disk is whole
        run = runs.open_run(directory)
        run.metrics()
        assert run.model()[1] == run.snapshots()[-1]
        run.checkpoint()


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
    new_run(workers.runs_folder / "good", tiny_plan(RUNGS["bigram"]))
    (workers.runs_folder / "texts").mkdir()
    (workers.runs_folder / "a-file").write_text("x")
    (workers.runs_folder / "broken").mkdir()
    (workers.runs_folder / "broken" / "run.json").write_text("{")
    assert [token for _, token in workers.local_runs("bigram")] == ["local:good"]


@pytest.mark.parametrize(("stated", "cores"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_a_space_states_its_cores(monkeypatch, stated, cores):
    monkeypatch.setenv("CPU_CORES", stated)
    assert available_cores() == cores or (cores is None and available_cores() >= 1)
