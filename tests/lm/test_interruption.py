"""A command that is asked to end: in time, in one sentence, with everything saved.

Real processes and real signals, to the whole process group as a terminal sends them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lm import corpora, runs
from lm.runs import recording
from tests.lm.command_line import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
IN_TIME = 5.0  # seconds from the signal to the end of the process
BLOCK = ["single_block_transformer", "--steps", "100000", "--n-embd", "16", "--n-head", "2"]


@pytest.fixture
def train(tmp_path):
    """`train(text, *flags)`: a trainer in a process group of its own; its run is in `tmp_path / "run"`."""
    started = []

    def start(text, *flags, code=("-m", "lm"), **options):
        command = [sys.executable, *code, "train", *flags, "--corpus", text]
        process = subprocess.Popen(
            [*map(str, command), "--out", str(tmp_path / "run")],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait(true, process):
    deadline = time.monotonic() + 60
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline


def end(process, number):
    """Send a signal to the whole group; returns what the process then says. It ends in time.

    An impatient person presses Ctrl-C again, to which Python answered with a traceback of its own.
    """
    os.killpg(process.pid, number)
    sent = time.monotonic()
    time.sleep(0.03)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    _, notes = process.communicate(timeout=60)
    assert time.monotonic() - sent < IN_TIME
    assert process.returncode == 128 + number, notes
    assert b"Traceback" not in notes
    return notes.decode()


def lines(directory):
    """The whole lines of a run's metrics so far."""
    try:
        return runs.read_metrics(directory / "metrics.jsonl")[0]
    except runs.run.RunProblem:
        return []


def steps(directory):
    return [line["step"] for line in lines(directory) if line["type"] == "step"]


def saved(directory):
    """The step at which a run was saved: the last one that it took."""
    run = runs.open_run(directory)
    status, reason, step = run.status()
    assert (status, reason) == ("stopped", None)
    assert step == steps(directory)[-1] == run.snapshots()[-1]
    assert not list(directory.rglob("*.tmp"))
    assert recording.rewind(run).step == step
    return step


def test_the_tests_may_be_run_under_nohup():
    """It lets them ignore SIGHUP, and a script's background SIGINT; the processes that they start must not."""
    shown = "import signal; print([signal.getsignal(n) is signal.SIG_IGN for n in (1, 2)])"
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {shown!r}])"
    done = [
        subprocess.run(
            [sys.executable, "-c", before + started],
            cwd=ROOT,
            capture_output=True,
            text=True,
            preexec_fn=lambda: [signal.signal(n, signal.SIG_IGN) for n in (1, 2)],
        ).stdout
        for before in ("", "import tests.conftest; ")
    ]
    assert done == ["[True, True]\n", "[False, False]\n"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_its_start_it_ends_without_a_traceback(number, train, text, tmp_path):
    """The imports take seconds, and torch's turn a KeyboardInterrupt into errors of their own."""
    process = train(text, *BLOCK)

    def listens():  # to SIGHUP, as only this project makes it
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGHUP - 1) & 1

    wait(listens, process)
    notes = end(process, number)
    assert notes in ("Interrupted.\n", "Interrupted before training began.\n")
    assert not (tmp_path / "run" / "run.json").exists()


def test_while_training_it_saves_the_step_that_it_has_reached(train, text, tmp_path):
    """A signal that is to be ignored, as `nohup` asks for, is ignored."""
    out = tmp_path / "run"
    process = train(
        *(text, *BLOCK, "--evaluate-every", "100000"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    wait(lambda: len(steps(out)) > 5, process)
    os.killpg(process.pid, signal.SIGHUP)
    seen = len(steps(out))
    wait(lambda: len(steps(out)) > seen + 70, process)
    notes = end(process, signal.SIGINT)
    step = saved(out)
    assert step > seen + 70
    assert f"Stopped at step {step}; --resume goes on from there." in notes


def test_in_an_evaluation_it_saves_the_step_before(train, tmp_path):
    (tmp_path / "play.txt").write_text(corpora.load("synthetic_plays").text)
    out = tmp_path / "run"
    wide = [*BLOCK[:3], "--n-embd", "256"]  # its evaluation takes seconds
    process = train(tmp_path / "play.txt", *wide, "--evaluate-every", "20")
    wait(lambda: steps(out)[-1:] == [20], process)
    end(process, signal.SIGTERM)
    assert saved(out) == 20
    assert not [line for line in lines(out) if line["type"] == "evaluation"]


def test_while_it_writes_a_checkpoint_that_is_completed(train, text, tmp_path):
    out = tmp_path / "run"
    process = train(text, *BLOCK[:3], "--n-embd", "256", "--evaluate-every", "2")
    wait(lambda: list(out.glob(".resume.*.tmp")) and steps(out), process)
    end(process, signal.SIGHUP)
    saved(out)


def test_when_its_terminal_closes_it_is_saved(train, text, tmp_path):
    """The kernel sends SIGHUP, and all that is printed from then on fails."""
    out, (keeper, terminal) = tmp_path / "run", os.openpty()
    process = train(
        *(text, *BLOCK),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: os.close(os.open(os.ttyname(terminal), os.O_RDWR)),  # its own terminal
    )
    os.close(terminal)
    wait(lambda: os.read(keeper, 10_000) and len(steps(out)) > 20, process)
    os.close(keeper)
    process.wait(timeout=IN_TIME)
    assert process.returncode == 128 + signal.SIGHUP
    saved(out)


SLOW = """
import sys, torch
from lm.commands import interruption
from lm.training.gradient import GradientLearner
interruption.PATIENCE = 0.5
quick = GradientLearner.step
def slow(self, step):
    if step == 5:
        torch.linalg.svd(torch.rand(6000, 6000))  # minutes within one call
    return quick(self, step)
GradientLearner.step = slow
from lm.__main__ import main
main(sys.argv[1:])
"""


def test_a_step_that_takes_too_long_is_not_waited_for(train, text, tmp_path):
    """Python's handlers do not run within a call; the lock and the status still tell what has happened."""
    out = tmp_path / "run"
    process = train(text, *BLOCK, code=("-c", SLOW))
    wait(lambda: steps(out)[-1:] == [5], process)
    time.sleep(0.3)  # now it is in the call
    assert "--resume goes on from step 0, the last checkpoint" in end(process, signal.SIGTERM)
    assert runs.open_run(out).status() == ("stopped", None, 5)
    assert recording.rewind(runs.open_run(out)).step == 0
