"""One writer a run: what a second one is told, and what is left when the first is killed."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from lm import runs, tasks
from lm.errors import RunProblem
from lm.ladder import RUNGS
from lm.runs import lock, recording
from lm.runs.lock import WriterLock
from lm.runs.run import GONE
from lm.training.loop import train
from tests.lm.command_line import ROOT, refusal
from tests.lm.recorded import resume

HOST = socket.gethostname()


def test_two_terminals_on_one_run_and_a_kill(text, tmp_path):
    """A real trainer: it refuses others while it lives, and everything is told truly after `kill -9`."""
    out = tmp_path / "run"
    flags = ["--corpus", text, "--out", out]
    long = ["--steps", "100000", "--evaluate-every", "30", "--n-embd", "16"]
    trainer = subprocess.Popen(
        [str(a) for a in (sys.executable, "-m", "lm", "train", "bigram", *flags, *long)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (out / "run.json").exists() or runs.open_run(out).status()[2] < 40:
            assert trainer.poll() is None and time.monotonic() < deadline
        run = runs.open_run(out)
        assert run.writer() == f"process {trainer.pid} on {HOST}"
        assert run.status()[0] == "running"
        for second in ([], ["--resume"]):
            sentence = refusal("train", "bigram", *flags, *second, code=3)
            assert f"Process {trainer.pid} on {HOST} trains the run in {out}: wait" in sentence
        before = run.status()[2]
        while run.status()[2] <= before:  # the first goes on, undisturbed
            assert trainer.poll() is None
    finally:
        trainer.send_signal(signal.SIGKILL)
        trainer.wait()
    assert run.writer() is None
    assert run.status()[:2] == ("stopped", GONE)
    assert run.status()[2] == run.metrics()[-1]["step"] > before
    (out / "snapshots" / ".00000100.safetensors.1.tmp").write_bytes(b"half")
    data = tasks.text_data(run.corpus(str(text)))
    with WriterLock(out) as held:
        events = recording.record(
            run, train(run.plan, data, resume=recording.rewind(run, held)), held
        )
        next(events)
        events.close()
    assert not list(out.rglob("*.tmp"))
    steps = [line["step"] for line in run.metrics() if line["type"] == "step"]
    assert steps == list(range(1, len(steps) + 1))


def test_a_second_recording_changes_nothing(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"]))
    events = recording.record(run, train(run.plan, data))
    for _ in range(5):
        next(events)
    before = {path: path.read_bytes() for path in run.directory.rglob("*") if path.is_file()}
    for attempt in (
        lambda: recording.rewind(run),
        lambda: next(recording.record(run, train(run.plan, data))),
        lambda: begin(run.directory, run.plan),
    ):
        with pytest.raises(RunProblem, match=f"Process {os.getpid()} on {HOST} trains the run"):
            attempt()
    recording.note_end(run, "failed", "its process was killed")  # by a server that believes so
    assert {p: p.read_bytes() for p in run.directory.rglob("*") if p.is_file()} == before
    events.close()
    assert run.status()[0] == "stopped"
    assert resume(run.directory, data).status()[0] == "finished"


def test_the_lock_of_another_machine_is_told_and_not_broken(trained, tmp_path, begin, tiny_plan):
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"]))
    recording.write_status(run.directory, "running", 0)
    (run.directory / lock.NAME).write_text("process 7 on elsewhere\n")
    with pytest.raises(
        RunProblem, match=r"Process 7 on elsewhere, another machine.* delete .*lock"
    ):
        WriterLock(run.directory).acquire()
    assert run.status()[:2] == ("stopped", GONE)
    (run.directory / lock.NAME).unlink()
    with WriterLock(run.directory):
        assert run.status()[0] == "running"
        # As a resumed run still says at its start.
        recording.write_status(run.directory, "stopped", 0)
        assert run.status()[0] == "running"
    assert run.status()[0] == "stopped"


def test_looking_at_a_lock_writes_nothing(tiny_plan, begin, tmp_path, monkeypatch):
    """A reader of a read-only folder never fails."""
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"]))
    true = os.open

    def open_on_a_read_only_disk(path, flags, *mode, **options):
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return true(path, flags, *mode, **options)

    with WriterLock(run.directory):
        monkeypatch.setattr(os, "open", open_on_a_read_only_disk)
        assert run.writer() == f"process {os.getpid()} on {HOST}"
    assert run.writer() is None and run.status()[0] == "stopped"
    with pytest.raises(RunProblem, match="it is read-only; choose another folder"):
        WriterLock(run.directory).acquire()


def test_on_a_disk_without_locks_the_process_is_asked_for(tiny_plan, begin, tmp_path, monkeypatch):
    """Some network disks know none."""
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"]))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()

    def unknown(descriptor, kind):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", unknown)
    for process, lives in ((os.getppid(), True), (dead.pid, False)):
        (run.directory / lock.NAME).write_text(f"process {process} on {HOST}\n")
        assert (run.writer() is not None) is lives
        if lives:
            with pytest.raises(RunProblem, match=f"Process {process} on"):
                WriterLock(run.directory).acquire()
    with WriterLock(run.directory):
        assert str(os.getpid()) in (run.directory / lock.NAME).read_text()
