"""How real training processes end: badly, unwatched, with their server."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lm import runs
from lm.ladder import RUNGS
from lm.runs import recording
from playground.serving.limits import Limits
from playground.training import processes
from playground.training import supervisor as supervising
from playground.training.supervisor import LIVE, Supervisor
from tests.playground.live_runs import LONG, ROOT, directory_of, is_running, process_of

# Bad ends


def test_a_killed_process_is_a_failed_run_whose_data_is_kept(
    start, status, services, supervisor, step_reached
):
    token = start(steps=4000, evaluate_every=5)
    step_reached(token, 12)
    os.kill(process_of(services, token).pid, signal.SIGKILL)
    answer = status(token, "failed")
    assert "killed by signal 9, and not by this page" in answer["reason"]
    assert "press Train" in answer["reason"]
    assert answer["train"]["step"][:12] == list(range(1, 13))
    run = runs.open_run(directory_of(services, token))
    assert run.status()[0] == "failed" and "signal 9" in run.status()[1]
    assert run.model()[1] >= 10
    assert supervisor.command(token, "resume") == "failed"
    assert supervisor.running() == 0


def test_the_next_run_starts_although_the_one_before_was_killed(start, status, make_services):
    services = make_services(cores=1)
    first = start(on=services, **LONG)
    status(first, "running", on=services)
    second = start(on=services, steps=5)
    os.kill(process_of(services, first).pid, signal.SIGKILL)
    status(first, "failed", on=services)
    status(second, "finished", on=services)


def test_a_diverging_run_fails_with_advice_and_keeps_its_snapshots(start, status, services):
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
    assert "diverged" in answer["reason"] and "learning rate of 0.3" in answer["reason"]
    assert "press Train" not in answer["reason"]
    run = runs.open_run(directory_of(services, token))
    assert 0 in run.snapshots()
    assert run.status()[0] == "failed"
    assert answer["train"]["loss"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_fails_the_run_with_the_sentence(
    new_run, tiny_plan, supervisor, library, text, wait
):
    run = new_run(library.new_directory("bigram"), tiny_plan(RUNGS["bigram"], **LONG))
    run.metrics_path.unlink()
    run.metrics_path.symlink_to("/dev/full")
    token = supervisor.start(run, text.data, paused=False)
    wait(lambda: not supervisor.is_live(token), "the run to fail")
    run.metrics_path.unlink()  # reading it would never end
    run.metrics_path.touch()
    answer = library.answer(token)
    assert answer["status"] == "failed"
    assert "disk is full; free some space" in answer["reason"]


def test_a_folder_that_vanishes_fails_the_run_with_a_sentence(
    start, status, services, supervisor, library, wait
):
    token = start(paused=True, **LONG)
    status(token, "paused")
    directory = directory_of(services, token)
    wait((directory / "resume.safetensors").exists, "the first checkpoint")
    shutil.rmtree(directory)
    supervisor.command(token, "stop")
    wait(lambda: not supervisor.is_live(token), "the run to end")
    answer = library.answer(token)
    assert answer["status"] == "unknown"  # there is nothing left to show of it
    assert answer["reason"].endswith(".")
    assert start(paused=True)  # the next one starts all the same


def test_a_worker_that_does_not_answer_is_killed_and_counts_as_stopped(
    start, status, services, supervisor, step_reached, monkeypatch
):
    monkeypatch.setattr(supervising, "STOP_PATIENCE", 0.5)
    token = start(steps=100_000, evaluate_every=5)
    step_reached(token, 6)
    os.kill(process_of(services, token).pid, signal.SIGSTOP)
    supervisor.command(token, "stop")
    answer = status(token, "stopped")
    assert "out of memory" not in (answer["reason"] or "")
    assert runs.open_run(directory_of(services, token)).status()[0] == "stopped"


def test_a_worker_that_the_end_of_the_server_kills_says_so(
    start, services, supervisor, step_reached, monkeypatch
):
    """It was called out of memory. A step that takes long cannot be waited for when the server ends."""
    monkeypatch.setattr(supervising, "CLOSE_PATIENCE", 0.3)
    token = start(steps=100_000, evaluate_every=5)
    step_reached(token, 6)
    os.kill(process_of(services, token).pid, signal.SIGSTOP)
    supervisor.close()
    status, reason, _ = runs.open_run(directory_of(services, token)).status()
    assert status == "stopped"
    assert reason.startswith("The server ended before this run had completed its step")


def test_a_worker_that_is_asked_to_end_saves_and_stops(start, status, services, step_reached):
    """As by `kill`, or by a system that shuts down and asks each process."""
    token = start(**LONG)
    step_reached(token, 5)
    os.kill(process_of(services, token).pid, signal.SIGTERM)
    step = status(token, "stopped")["step"]
    assert runs.open_run(directory_of(services, token)).checkpoint()[0].step == step >= 5


# Faults of the program and of the system


class Fault(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError("no more processes"), "The system did not start a training process (no more"),
        (
            Fault("in a start"),
            "The page met a fault in looking after this run: Fault('in a start')",
        ),
    ],
    ids=["system", "program"],
)
def test_a_process_that_does_not_start_is_one_failed_run(
    start, status, services, monkeypatch, error, sentence
):
    """It ended the thread that starts all others."""

    def fail(*_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(processes, "start", fail)
        token = start(**LONG)
        assert sentence in status(token, "failed")["reason"]
    assert runs.open_run(directory_of(services, token)).status()[0] == "failed"
    status(start(steps=3), "finished")


def test_a_status_that_cannot_be_written_ends_nothing_but_its_run(
    start, status, services, step_reached, monkeypatch
):
    token = start(**LONG)
    step_reached(token, 2)

    def fail(*_):
        raise Fault

    with monkeypatch.context() as broken:
        broken.setattr(recording, "note_end", fail)
        os.kill(process_of(services, token).pid, signal.SIGKILL)
        assert "signal 9" in status(token, "failed")["reason"]
    status(start(steps=3), "finished")


@pytest.mark.parametrize("duty", ["_begin", "_receive", "_end_if_due"])
def test_a_fault_in_looking_after_a_run_fails_that_run_alone(
    start, status, services, supervisor, step_reached, wait, monkeypatch, duty
):
    other = start(**LONG)
    step_reached(other, 2)
    usual = getattr(Supervisor, duty)

    def fail(self, run, *rest):
        if run.view.run.directory == broken:
            raise Fault(duty)
        usual(self, run, *rest)

    broken = services.library.new_directory("broken")
    monkeypatch.setattr(Supervisor, duty, fail)
    monkeypatch.setattr(services.library, "new_directory", lambda _: broken)
    token = start(**LONG)
    assert f"Fault('{duty}')" in status(token, "failed")["reason"]
    monkeypatch.undo()
    process = process_of(services, token)
    wait(lambda: process is None or process.exitcode is not None, "the end of its process")

    def is_written_down() -> bool:  # while the page writes, the run seems to live
        told, reason, _ = runs.open_run(broken).status()
        return told == "failed" and f"Fault('{duty}')" in (reason or "")

    wait(is_written_down, "the failure to be written down")
    assert supervisor.is_live(other)
    status(start(steps=3), "finished")


def test_a_late_word_of_a_failed_run_does_not_make_it_live(supervisor):
    """It lay in the pipe when the process was killed, and the end was then told as stopped."""
    late = SimpleNamespace(recv=lambda: ("running", 0, None))
    run = SimpleNamespace(status="failed", pipe=late, unanswered=1, ready=True, stopping_since=None)
    supervisor._receive(run)
    assert run.status == "failed"


def test_a_fault_of_the_thread_itself_does_not_end_it(start, status, monkeypatch, wait):
    faults = []

    def fail(*_, **__):
        faults.append(1)
        raise Fault

    with monkeypatch.context() as broken:
        broken.setattr(supervising.multiprocessing.connection, "wait", fail)
        wait(lambda: len(faults) > 2, "the thread to go on")
    status(start(steps=3), "finished")


# Nobody watches


def test_an_unwatched_run_is_ended_after_the_grace_time(start, make_services, wait):
    services = make_services(grace=0.5)
    token = start(on=services, **LONG)
    wait(lambda: not services.supervisor.is_live(token), "the run to be ended")
    answer = services.library.answer(token)
    assert answer["status"] == "stopped"
    assert runs.open_run(directory_of(services, token)).checkpoint()[0].step == answer["step"]


def test_a_run_that_trains_twice_as_long_as_the_page_allows_is_stopped_and_told_why(
    start, make_services, status, wait
):
    """A prediction made on an idle machine, or none at all, is no way round `--run-seconds`."""
    services = make_services(limits=Limits(run_seconds=3600))
    token = start(on=services, **LONG)
    status(token, "running", on=services)
    services.supervisor._runs[token].core_seconds = 7190.0
    assert services.library.answer(token)["status"] == "running"
    services.supervisor._runs[token].core_seconds = 7201.0
    answer = status(token, "stopped", on=services)
    assert "may train for 2 h 0 min here" in answer["reason"]
    assert runs.open_run(directory_of(services, token)).checkpoint()[0].step == answer["step"]


def test_a_watched_run_is_not_ended(start, make_services, status, wait):
    services = make_services(grace=1.5)
    token = start(on=services, paused=True, **LONG)
    unwatched = start(on=services, paused=True, **LONG)
    deadline = time.monotonic() + services.supervisor.grace + 1.5

    def watch() -> bool:
        assert services.library.answer(token)["status"] in LIVE
        return not services.supervisor.is_live(unwatched) and time.monotonic() > deadline

    wait(watch, "the other run to be ended")


def test_a_queued_run_that_nobody_watches_is_given_up(start, make_services, wait):
    services = make_services(cores=1, grace=1.0)
    first = start(on=services, **LONG)
    second = start(on=services, **LONG)

    def watch_first() -> bool:
        services.library.answer(first)
        return not services.supervisor.is_live(second)

    wait(watch_first, "the queued run to be given up")
    assert process_of(services, second) is None
    assert services.supervisor.is_live(first)


def test_only_so_many_paused_runs_are_kept(start, supervisor, library, wait, monkeypatch):
    monkeypatch.setattr(supervising, "MOST_IDLE", 2)
    tokens = [start(paused=True, **LONG) for _ in range(4)]
    wait(lambda: sum(supervisor.is_live(t) for t in tokens) == 2, "two to be ended")
    ended = [t for t in tokens if not supervisor.is_live(t)]
    assert all(library.answer(t)["status"] == "stopped" for t in ended)


# The end of the server


def test_close_leaves_no_process_and_every_run_saved(
    start, status, services, supervisor, step_reached
):
    running, paused, queued = start(**LONG), start(paused=True, **LONG), start(**LONG)
    status(paused, "paused")
    status(queued, "running")
    waiting = start(**LONG)
    step_reached(running, 3)
    pids = [process_of(services, token).pid for token in (running, paused, queued)]
    supervisor.close()
    assert not any(map(is_running, pids))
    for token in (running, paused, queued, waiting):
        run = runs.open_run(directory_of(services, token))
        assert run.status()[0] == "stopped"
    for token in (running, paused, queued):
        run = runs.open_run(directory_of(services, token))
        assert run.checkpoint()[0].step == run.status()[2]
    assert process_of(services, waiting) is None


SERVER = """
import sys, time
from pathlib import Path
from lm import corpora, runs, tasks
from playground.runs.library import Library
from playground.training.supervisor import Supervisor

if __name__ == "__main__":
    supervisor = Supervisor(cores=2)
    library = Library(Path(sys.argv[1]).parent, Path("nowhere"), supervisor)
    run = runs.open_run(Path(sys.argv[1]))
    other = runs.open_run(Path(sys.argv[2]))
    data = tasks.text_data(corpora.load(sys.argv[3]))
    tokens = [supervisor.start(run, data, paused=False), supervisor.start(other, data, paused=True)]
    while library.answer(tokens[0])["step"] < 3 or library.answer(tokens[1])["status"] != "paused":
        if "failed" in [library.answer(token)["status"] for token in tokens]:
            sys.exit("a run failed")
        time.sleep(0.02)
    while not (other.directory / "resume.safetensors").exists():  # a paused run still saves its first
        time.sleep(0.02)
    print(*[supervisor._runs[token].process.pid for token in tokens], flush=True)
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
