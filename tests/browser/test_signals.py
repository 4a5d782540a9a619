"""Signals to a real server and to its whole process group, as a terminal sends them: everything is kept."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from lm import runs
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import describe
from tests.browser.conftest import PATIENCE, ROOT, free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")

RUNG = RUNGS["decoder_transformer"]
LONG = {"n_embd": 16, "n_head": 2, "n_layer": 1, "context_length": 16, "batch_size": 4}
LONG |= {"steps": 100_000, "evaluate_every": 50_000, "seed": 7}
CLOSING = 5.0  # seconds in which the server ends
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Visitor:
    """Somebody who trains, and has a model write, without a browser."""

    def __init__(self, server) -> None:
        self.server = server
        self.config = server.config()
        (self.feed,) = [
            c["id"]
            for c in self.config["components"]
            if "begin" in c["props"].get("server_fns", [])
            and c["props"]["props"]["feed"] == RUNG.name
        ]

    def begin(self, how: str) -> str:
        values = [LONG.get(name, field.default) for name, field in RUNG.settings().items()]
        return self._call("begin", [how, None, "synthetic_plays", *values])["run"]

    def order(self, token: str, name: str) -> None:
        self._call("order", [token, 0, 0, name])

    def wait(self, token: str, status: str, step: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE
        while (told := self._call("poll", [token, 0, 0]))["status"] != status or told[
            "step"
        ] < step:
            assert time.monotonic() < deadline, f"the run is {told['status']}, not {status}"
            time.sleep(0.05)

    def write(self, token: str) -> None:
        """Ask for the longest text, and listen to it as a page does."""
        event = max(
            (
                d
                for d in self.config["dependencies"]
                if re.match(r"write(_\d+)?$", str(d["api_name"]))
            ),
            key=lambda event: event["id"],
        )
        asked = {"run": token, "step": None, "pane": "pane", "number": 1}
        fields = describe(SamplingConfig)
        values = [2000 if f.name == "max_new_tokens" else f.default for f in fields]
        body = {"data": [asked, "ROMEO:", *values], "fn_index": event["id"], "session_hash": "one"}
        assert self.server.post("/gradio_api/queue/join", body)[0] == 200
        text = self._listen("/gradio_api/queue/data?session_hash=one")
        deadline = time.monotonic() + PATIENCE
        while "tokens" not in "".join(text):
            assert time.monotonic() < deadline, "nothing is written"
            time.sleep(0.05)

    def stay(self) -> None:
        """Hold the connection that every open page holds."""
        self._listen("/gradio_api/heartbeat/one")

    def _listen(self, path: str) -> list[str]:
        heard: list[str] = []

        def listen() -> None:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(self.server.url + path) as told,
            ):
                while line := told.readline():
                    heard.append(line.decode())

        threading.Thread(target=listen, daemon=True).start()
        return heard

    def _call(self, name: str, data: list) -> dict:
        body = {"session_hash": "one", "component_id": self.feed, "fn_name": name, "data": data}
        return self.server.post("/gradio_api/component_server", body)[1]


def assert_gone(processes, pids: set[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(map(processes.alive, pids)):
        assert time.monotonic() < deadline, "processes outlive the server"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "number",
    [pytest.param(one, marks=() if one == signal.SIGINT else pytest.mark.slow) for one in ENDING],
)
def test_a_signal_to_the_group_saves_every_run_at_its_step(start_server, processes, number):
    """Ctrl-C also reaches the workers, which then lost the steps since their last checkpoint.

    One run trains, one is paused, one was resumed and waits for a core as two newer ones do, and a text is
    written. A second Ctrl-C comes before the server has ended.
    """
    server = start_server("--runs-at-once", "2")
    visitor = Visitor(server)
    paused, resumed, training = (visitor.begin(how) for how in ("reset", "train", "train"))
    visitor.wait(paused, "paused")
    visitor.wait(resumed, "running", 3)
    visitor.order(resumed, "pause")
    visitor.wait(resumed, "paused")
    new = [visitor.begin("train"), visitor.begin("train")]
    visitor.wait(new[0], "running", 3)
    visitor.order(resumed, "resume")
    visitor.wait(resumed, "queued", 3)
    visitor.wait(training, "running", 20)
    visitor.stay()
    visitor.write(training)
    below = processes.below(server.process.pid)
    began = time.monotonic()
    os.killpg(server.process.pid, number)
    time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGINT)
    assert server.process.wait(PATIENCE) == 0
    assert time.monotonic() - began < CLOSING
    assert_gone(processes, below)
    said = server.log.read_text().splitlines()
    assert [line for line in said if "The playground is at" not in line and line] == []
    begun = []
    for path in server.runs.glob("*/run.json"):
        run = runs.open_run(path.parent)
        status, reason, step = run.status()
        assert (status, reason) == ("stopped", None)
        steps = [line["step"] for line in run.metrics() if line["type"] == "step"]
        assert step == len(steps)
        if (run.directory / "resume.safetensors").exists():
            begun.append(step)
            assert run.checkpoint()[0].step == step
    assert len(begun) == 4  # the fifth has never had a core
    assert min(begun) == 0 and sorted(begun)[1] >= 3 and max(begun) >= 20


@pytest.mark.parametrize("moment", ["at once", "while it imports", "while it launches"])
def test_ctrl_c_at_the_start_ends_it_without_a_word(processes, moment, tmp_path):
    """The imports take seconds, and somebody who sees the wrong port does not wait for them."""
    command = [sys.executable, "-m", "playground", "--no-browser", "--port", str(free_port())]
    server = subprocess.Popen(
        [*command, "--runs", str(tmp_path / "runs")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    pid = server.pid
    wait_until(lambda: catches(pid, signal.SIGINT))  # Python's own handler, which raises
    wait_until(lambda: not catches(pid, signal.SIGINT))
    if moment == "while it imports":
        wait_until(lambda: "torch" in Path(f"/proc/{pid}/maps").read_text())
    elif moment == "while it launches":
        wait_until(lambda: catches(pid, signal.SIGHUP))
    below = processes.below(pid)
    began = time.monotonic()
    os.killpg(pid, signal.SIGINT)
    said, _ = server.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < CLOSING
    assert said == ""
    assert_gone(processes, below)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.slow
def test_a_server_whose_address_cannot_be_written_serves_and_ends_as_others_do(tmp_path):
    """A full disk, or a reader of its log that has gone, ended it with a traceback."""
    port = free_port()
    command = [sys.executable, "-m", "playground", "--no-browser", "--port", str(port)]
    with Path("/dev/full").open("wb") as full:
        server = subprocess.Popen(
            [*command, "--runs", str(tmp_path / "runs")],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/config").close()
            break
        assert server.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)  # then it has said where it is
    server.send_signal(signal.SIGTERM)
    _, said = server.communicate(timeout=PATIENCE)
    assert (server.returncode, said) == (0, "")


def wait_until(true) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    lines = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)


@pytest.mark.slow
def test_a_server_that_is_killed_leaves_no_process(start_server, processes):
    server = start_server()
    visitor = Visitor(server)
    visitor.wait(visitor.begin("train"), "running", 3)
    below = processes.below(server.process.pid)
    assert below
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(PATIENCE)
    assert_gone(processes, below)
    (folder,) = [path.parent for path in server.runs.glob("*/run.json")]
    assert json.loads((folder / "status.json").read_text())["status"] == "running"  # its lock tells
    assert "Traceback" not in server.log.read_text()
