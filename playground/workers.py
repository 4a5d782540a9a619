"""Training runs in processes of their own: starting them, the queue, the limits, and who may touch which.

The page holds an unguessable token for each run it started; with it, and only with it, the run can be
watched and commanded. A thread of this module listens to all workers at once, starts queued runs when a
place is free, ends runs that nobody has watched for a while, and notices a process that died.
"""

import contextlib
import math
import multiprocessing.connection
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lm import runs
from lm.devices import available_cores
from lm.errors import Problem, RunProblem
from lm.runs import recording
from playground.run_view import RunView
from playground.worker import work

LIVE = ("queued", "starting", "running", "paused")
ENDED = ("finished", "stopped", "failed")
SETTLED = {"pause": ("paused",), "step": ("paused",), "resume": ("running",), "stop": ENDED}
GRACE = 180.0  # seconds without a poll before a run is ended; a hidden tab polls once a minute
STOP_PATIENCE = 20.0  # seconds a worker may take to finish its step and save before it is killed
SILENCE = 120.0  # seconds after which a run of another process counts as abandoned
HOSTED_RUNS = 200  # ended runs that a hosted page keeps; a decoder's takes about 50 MB
MOST_QUEUED = 20  # runs that may wait for a place
MOST_PAUSED = 8  # paused runs keep their memory; beyond this many the longest unwatched is ended


@dataclass(eq=False)
class _Run:
    """A run that this server started."""

    view: RunView
    data: tuple[np.ndarray, np.ndarray]
    start_paused: bool
    status: str = "queued"
    reason: str | None = None
    process: Any = None
    pipe: Any = None
    watched: float = field(default_factory=time.monotonic)
    stopping_since: float | None = None
    orders_waiting: list[tuple[str, Any]] = field(default_factory=list)


class Workers:
    """All runs that the page can show: live ones, those in the runs folder, and the shipped ones."""

    def __init__(
        self,
        runs_folder: Path,
        shipped_folder: Path,
        *,
        cores: int | None = None,
        device: str = "cpu",
        open_local: bool = True,
        grace: float = GRACE,
    ) -> None:
        self.runs_folder = runs_folder
        self.shipped_folder = shipped_folder
        self.cores = cores or available_cores()
        self.device = device
        self.open_local = open_local
        self.grace = grace
        self._runs: dict[str, _Run] = {}
        self._opened: dict[str, RunView] = {}
        self._changed = threading.Condition(threading.RLock())
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["playground.worker"])
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self._closed = False
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    # What the page asks for

    def start(self, run: runs.Run, data: tuple[np.ndarray, np.ndarray], *, paused: bool) -> str:
        """Train a run directory that has just been created; returns its token.

        data: the ids of the two splits. It waits in the queue while as many runs as there are cores
        are training.
        """
        token = secrets.token_urlsafe(16)
        self._make_room()
        with self._changed:
            self._runs[token] = _Run(RunView(run), data, paused)
            self._start_queued()
        return token

    def check_room(self, leaving: str = "") -> None:
        """Raise a `RunProblem` while as many runs wait as may, besides one that gives up its place."""
        with self._changed:
            waiting = sum(r.status == "queued" for t, r in self._runs.items() if t != leaving)
        if waiting >= MOST_QUEUED:
            raise RunProblem(f"{waiting} runs already wait for a place here: try again in a while.")

    def command(self, token: str, order: str, value: Any = None, patience: float = 0.15) -> str:
        """Send "pause", "resume", "step", "stop" or "learning_rate" to a run; returns its status.

        Waits a moment for the worker to say that it has obeyed. An ended or unknown run is left alone.
        """
        with self._changed:
            run = self._runs.get(token)
            if run is None or run.status not in LIVE:
                return self._status(token)[0]
            if run.status == "queued":
                self._note_for_later(run, order, value)
                return run.status
            if order == "stop" and run.stopping_since is None:
                run.stopping_since = time.monotonic()
            if run.status == "starting":
                run.orders_waiting.append((order, value))
            else:
                self._send(run, order, value)
            if wanted := SETTLED.get(order):
                self._changed.wait_for(lambda: run.status in wanted + ENDED, patience)
            return run.status

    def _note_for_later(self, run: _Run, order: str, value: Any) -> None:
        """What is ordered of a run that is still queued holds when it starts."""
        if order == "stop":
            self._end(run, "stopped")
        elif order in ("pause", "step", "resume"):
            run.start_paused = order != "resume"
        if order == "resume":
            run.orders_waiting = [other for other in run.orders_waiting if other[0] != "step"]
        elif order in ("step", "learning_rate"):
            run.orders_waiting.append((order, value))

    def answer(self, token: str, start: int = 0, start_events: int = 0) -> dict[str, Any]:
        """What has happened in a run since; see `RunView.answer`. Never raises a `Problem`."""
        try:
            view = self.view(token)
            status, reason = self._status(token)
            return {"run": token, **view.answer(status, reason, start, start_events)}
        except Problem as problem:
            return {"run": token, "status": "unknown", "reason": str(problem)}

    def view(self, token: str) -> RunView:
        """The view of a run; asking for it counts as watching. `RunProblem` if there is none."""
        with self._changed:
            run = self._runs.get(token)
            if run is not None:
                run.watched = time.monotonic()
                return run.view
            if token not in self._opened:
                if (same := self.token_of(token)) != token:
                    return self.view(same)
                self._opened[token] = RunView(runs.open_run(self._directory(token)))
            return self._opened[token]

    def is_live(self, token: str) -> bool:
        """Whether a run of this server can still be commanded."""
        with self._changed:
            return token in self._runs and self._runs[token].status in LIVE

    def knows(self, token: str) -> bool:
        """Whether a token can be watched here: after a restart, those of earlier runs cannot."""
        try:
            self.view(token)
        except Problem:
            return False
        return True

    def token_of(self, token: str) -> str:
        """The token that commands a run: of a live run opened from its folder, the one it started with."""
        with self._changed:
            if str(token).startswith("local:"):
                for own, run in self._runs.items():
                    if run.status in LIVE and token == f"local:{run.view.run.directory.name}":
                        return own
        return token

    def shipped(self, model: str) -> str | None:
        """The token of the run that came with the project for this rung, if one did."""
        return f"shipped:{model}" if (self.shipped_folder / model / "run.json").exists() else None

    def also_shipped(self, model: str) -> dict[str, str]:
        """Further runs that came along for this rung, by other recipes: the recipe and the token of each."""
        folders = [path.parent.name for path in self.shipped_folder.glob(f"{model}-*/run.json")]
        return {name.removeprefix(f"{model}-"): f"shipped:{name}" for name in sorted(folders)}

    def local_runs(self, model: str) -> list[tuple[str, str]]:
        """(description, token) of the runs of this rung in the runs folder, newest first."""
        found = []
        if self.open_local and self.runs_folder.is_dir():
            for path in self.runs_folder.iterdir():
                with contextlib.suppress(Problem, OSError):
                    run = runs.open_run(path)
                    if run.record.model == model and (step := run.status()[2]):
                        about = run.record.recipe or "own settings"
                        told = f"{about} · {step:,} steps · {run.record.corpus.title}"
                        found.append((run.record.created, told, path.name))
        return [
            (f"{created[:16].replace('T', ' ')} · {told}", f"local:{name}")
            for created, told, name in sorted(found)[::-1]
        ]

    def new_directory(self, model: str) -> Path:
        """A folder name that is not taken, for a run to be."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self.runs_folder / f"{model}-{stamp}-{secrets.token_hex(3)}"

    def running(self) -> int:
        """How many runs are training at this moment."""
        with self._changed:
            return sum(run.status in ("starting", "running") for run in self._runs.values())

    def close(self) -> None:
        """Stop every run, saving what it has learned, and the processes."""
        with self._changed:
            self._closed = True
            for run in self._runs.values():
                if run.status == "queued":
                    self._end(run, "stopped")
                elif run.pipe is not None:
                    self._send(run, "stop", None)
            started = [run for run in self._runs.values() if run.process is not None]
        self._wake()
        for run in started:
            run.process.join(5)
            if run.process.is_alive():
                run.process.kill()

    # Which run a token means

    def _status(self, token: str) -> tuple[str, str | None]:
        with self._changed:
            run = self._runs.get(token)
            if run is not None:
                return run.status, run.reason
            view = self._opened.get(token)
        if view is None:
            return "unknown", None
        status, reason, _ = view.run.status()
        if status in LIVE and _silence(view.run) > SILENCE:  # it died before it could say so
            return "stopped", "Nothing has been written to it for a while: its process is gone."
        return status, reason

    def _directory(self, token: str) -> Path:
        kind, _, name = str(token).partition(":")
        folders = {"shipped": self.shipped_folder}
        if self.open_local:
            folders["local"] = self.runs_folder
        if kind in folders and len(name) < 256 and Path(name).name == name and "\0" not in name:
            directory = folders[kind] / name
            if (directory / "run.json").exists():
                return directory
        raise RunProblem("That run is no longer here: press Train to start a new one.")

    def _make_room(self) -> None:
        """On a hosted page, delete the oldest ended runs of visitors; on one's own machine, nothing."""
        if self.open_local or not self.runs_folder.is_dir():
            return
        with self._changed:
            live = {r.view.run.directory for r in self._runs.values() if r.status in LIVE}
            ended = [p.parent for p in self.runs_folder.glob("*/run.json") if p.parent not in live]
            ended.sort(key=lambda path: path.stat().st_mtime)
            gone = set(ended[: max(0, len(ended) - HOSTED_RUNS)])
            self._runs = {t: r for t, r in self._runs.items() if r.view.run.directory not in gone}
        for directory in gone:
            shutil.rmtree(directory, ignore_errors=True)

    # The supervising thread

    def _supervise(self) -> None:
        while True:
            with self._changed:
                pipes = {run.pipe: run for run in self._runs.values() if run.pipe is not None}
                if self._closed and not pipes:
                    return
            for pipe in multiprocessing.connection.wait([*pipes, self._wake_reader], timeout=1.0):
                if pipe is self._wake_reader:
                    self._wake_reader.recv()
                else:
                    self._hear(pipes[pipe])
            with self._changed:
                self._end_unwatched(time.monotonic())
                self._start_queued()

    def _hear(self, run: _Run) -> None:
        """Take in what a worker says; silence for ever means that its process is gone."""
        try:
            status, _, reason = run.pipe.recv()
        except (EOFError, OSError):
            run.process.join(2)
            with self._changed:
                run.pipe.close()
                run.pipe = None
                if run.status in LIVE:
                    killed = run.stopping_since is not None and run.process.exitcode == -9
                    self._end(run, "stopped" if killed else "failed", _death(run, killed))
                self._share_cores()
            return
        with self._changed:
            if status in ENDED:
                self._end(run, status, reason)
            elif run.stopping_since is None:
                run.status = status
            for order in run.orders_waiting:
                self._send(run, *order)
            run.orders_waiting.clear()
            self._share_cores()
            self._changed.notify_all()

    def _end(self, run: _Run, status: str, reason: str | None = None) -> None:
        run.status, run.reason = status, reason
        run.data = (np.empty(0), np.empty(0))
        if run.pipe is None or status == "failed":  # no process is there to write it
            with contextlib.suppress(Problem):
                recording.write_status(run.view.run.directory, status, run.view.step, reason)  # type: ignore[arg-type]
        self._changed.notify_all()

    def _end_unwatched(self, now: float) -> None:
        paused = [run for run in self._runs.values() if run.status == "paused"]
        too_many = sorted(paused, key=lambda run: run.watched)[: max(0, len(paused) - MOST_PAUSED)]
        for run in self._runs.values():
            unwatched = run.status in LIVE and now - run.watched > self.grace
            if run.stopping_since is not None:
                if run.pipe is not None and now - run.stopping_since > STOP_PATIENCE:
                    run.process.kill()
            elif unwatched or run in too_many:
                run.stopping_since = now
                if run.status == "queued":
                    self._end(run, "stopped")
                else:
                    self._send(run, "stop", None)

    def _start_queued(self) -> None:
        """Start the runs that have waited longest while there are cores for them."""
        if self._closed:
            return
        for run in [run for run in self._runs.values() if run.status == "queued"]:
            if self.running() >= self.cores:
                return
            run.status = "starting"
            run.pipe, child_end = self._context.Pipe()
            run.process = self._context.Process(
                target=work,
                args=(
                    child_end,
                    run.view.run.directory,
                    *run.data,
                    run.start_paused,
                    self._share(),
                    self.device,
                ),
                daemon=True,
            )
            run.process.start()
            child_end.close()
            run.data = (np.empty(0), np.empty(0))
            self._share_cores()
            self._wake()

    def _share(self) -> int:
        return max(1, self.cores // max(1, self.running()))

    def _share_cores(self) -> None:
        """One run uses all cores; several share them."""
        for run in self._runs.values():
            if run.status in ("running", "paused") and run.pipe is not None:
                self._send(run, "threads", self._share())

    def _send(self, run: _Run, order: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            if run.pipe is not None:
                run.pipe.send((order, value))

    def _wake(self) -> None:
        self._wake_writer.send(None)


def _silence(run: runs.Run) -> float:
    """Seconds since a run was last written to."""
    try:
        return time.time() - run.metrics_path.stat().st_mtime
    except OSError:
        return math.inf


def _death(run: _Run, killed: bool) -> str:
    if killed:
        return "It did not stop by itself in time: what it learned up to its last snapshot is kept."
    code = run.process.exitcode
    how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
    hint = " (often: out of memory; try a smaller model)" if code == -9 else ""
    return (
        f"The training process {how}{hint}. What it learned up to its last snapshot is kept: "
        "press Train to start again."
    )
