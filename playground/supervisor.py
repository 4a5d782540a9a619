"""The training runs of this server, each in a process of its own: start, queue, command, watch, stop.

`start` returns an unguessable token. With it, and only with it, a run can be watched and commanded. One thread
listens to all training processes: it starts queued runs when a core is free, stops runs that nobody has watched
for a while, and notices a process that has died.
"""

import contextlib
import multiprocessing.connection
import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm import runs
from lm.devices import available_cores
from lm.errors import Problem, RunProblem
from lm.runs import recording
from playground.run_view import RunView
from playground.worker import work

LIVE = ("queued", "starting", "running", "paused")
ENDED = ("finished", "stopped", "failed")
SETTLED = {"pause": ("paused",), "step": ("paused",), "resume": ("running",), "stop": ENDED}
GRACE = 180.0  # seconds without a poll until a run is stopped; a hidden tab polls once a minute
STOP_PATIENCE = 20.0  # seconds that a process has to finish its step and save until it is killed
MOST_QUEUED = 20  # runs that may wait in the queue
MOST_PAUSED = (
    8  # paused runs keep their memory; of more than these, the longest unwatched are stopped
)


@dataclass(eq=False)
class _Run:
    """A run that this server started."""

    view: RunView
    data: Any  # of the run's task, until its process has it
    start_paused: bool
    status: str = "queued"
    reason: str | None = None
    process: Any = None
    pipe: Any = None
    watched: float = field(default_factory=time.monotonic)
    stopping_since: float | None = None
    orders_waiting: list[tuple[str, Any]] = field(default_factory=list)


class Supervisor:
    """Starts the runs of this server and looks after their processes until they end."""

    def __init__(
        self, *, cores: int | None = None, device: str = "cpu", grace: float = GRACE
    ) -> None:
        self.cores = cores or available_cores()
        self.device = device
        self.grace = grace
        self._runs: dict[str, _Run] = {}
        self._changed = threading.Condition(threading.RLock())
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["playground.worker"])
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self._closed = False
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    # Commands

    def start(self, run: runs.Run, data: Any, *, paused: bool) -> str:
        """Train a run directory that has just been created; returns the run's token.

        data: of the run's task; it is sent to the process. While as many runs train as there are cores, the
        run waits in the queue.
        """
        token = secrets.token_urlsafe(16)
        with self._changed:
            self._runs[token] = _Run(RunView(run), data, paused)
            self._start_queued()
        return token

    def check_room(self, leaving: str = "") -> None:
        """Raise a `RunProblem` if the queue is full; `leaving` is a run that gives up its place."""
        with self._changed:
            waiting = sum(r.status == "queued" for t, r in self._runs.items() if t != leaving)
        if waiting >= MOST_QUEUED:
            raise RunProblem(f"{waiting} runs already wait in the queue: try again in a while.")

    def command(self, token: str, order: str, value: Any = None, patience: float = 0.15) -> str:
        """Send "pause", "resume", "step", "stop" or "learning_rate" to a run; returns its status.

        Waits up to `patience` seconds until the process has obeyed. A run that has ended ignores the order;
        the status of a run that this server did not start is "unknown".
        """
        with self._changed:
            run = self._runs.get(token)
            if run is None:
                return "unknown"
            if run.status not in LIVE:
                return run.status
            if run.status == "queued":
                self._command_queued(run, order, value)
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

    def _command_queued(self, run: _Run, order: str, value: Any) -> None:
        """Keep an order to a queued run until its process starts."""
        if order == "stop":
            self._end(run, "stopped")
        elif order in ("pause", "step", "resume"):
            run.start_paused = order != "resume"
        if order == "resume":
            run.orders_waiting = [other for other in run.orders_waiting if other[0] != "step"]
        elif order in ("step", "learning_rate"):
            run.orders_waiting.append((order, value))

    def close(self) -> None:
        """Stop every run, saving its weights, and end all processes."""
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

    # Questions

    def watch(self, token: str) -> RunView | None:
        """The view of a run of this server, or None; asking for it counts as watching the run."""
        with self._changed:
            run = self._runs.get(token)
            if run is None:
                return None
            run.watched = time.monotonic()
            return run.view

    def status(self, token: str) -> tuple[str, str | None] | None:
        """The status of a run of this server and the reason for it, or None."""
        with self._changed:
            run = self._runs.get(token)
            return None if run is None else (run.status, run.reason)

    def is_live(self, token: str) -> bool:
        """Whether a run of this server can still be commanded."""
        with self._changed:
            return token in self._runs and self._runs[token].status in LIVE

    def views(self) -> list[RunView]:
        """The views of all runs of this server, the oldest first."""
        with self._changed:
            return [run.view for run in self._runs.values()]

    def live_directories(self) -> dict[Path, str]:
        """The directories of the live runs, each with the token that commands it."""
        with self._changed:
            live = ((token, run) for token, run in self._runs.items() if run.status in LIVE)
            return {run.view.run.directory: token for token, run in live}

    def running(self) -> int:
        """The number of runs that are training now."""
        with self._changed:
            return sum(run.status in ("starting", "running") for run in self._runs.values())

    def forget(self, directories: Collection[Path]) -> None:
        """Drop the ended runs whose directories have been deleted."""
        with self._changed:
            self._runs = {
                token: run
                for token, run in self._runs.items()
                if run.status in LIVE or run.view.run.directory not in directories
            }

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
                    self._receive(pipes[pipe])
            with self._changed:
                self._stop_unwatched(time.monotonic())
                self._start_queued()

    def _receive(self, run: _Run) -> None:
        """Take one message from a training process. EOF: the process has exited."""
        try:
            status, _, reason = run.pipe.recv()
        except (EOFError, OSError):
            run.process.join(2)
            with self._changed:
                run.pipe.close()
                run.pipe = None
                if run.status in LIVE:
                    killed = run.stopping_since is not None and run.process.exitcode == -9
                    self._end(run, "stopped" if killed else "failed", _exit_reason(run, killed))
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
        run.data = None
        if run.pipe is None or status == "failed":  # there is no process that writes the status
            with contextlib.suppress(Problem):
                recording.write_status(run.view.run.directory, status, run.view.step, reason)  # type: ignore[arg-type]
        self._changed.notify_all()

    def _stop_unwatched(self, now: float) -> None:
        """Stop unwatched runs and surplus paused ones; kill processes that do not stop in time."""
        paused = [run for run in self._runs.values() if run.status == "paused"]
        surplus = sorted(paused, key=lambda run: run.watched)[: max(0, len(paused) - MOST_PAUSED)]
        for run in self._runs.values():
            unwatched = run.status in LIVE and now - run.watched > self.grace
            if run.stopping_since is not None:
                if run.pipe is not None and now - run.stopping_since > STOP_PATIENCE:
                    run.process.kill()
            elif unwatched or run in surplus:
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
                    run.data,
                    run.start_paused,
                    self._threads(),
                    self.device,
                ),
                daemon=True,
            )
            run.process.start()
            child_end.close()
            run.data = None
            self._share_cores()
            self._wake()

    def _threads(self) -> int:
        """The number of threads that each running process may use."""
        return max(1, self.cores // max(1, self.running()))

    def _share_cores(self) -> None:
        """Give a single run all cores, and divide them among several."""
        for run in self._runs.values():
            if run.status in ("running", "paused") and run.pipe is not None:
                self._send(run, "threads", self._threads())

    def _send(self, run: _Run, order: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            if run.pipe is not None:
                run.pipe.send((order, value))

    def _wake(self) -> None:
        self._wake_writer.send(None)


def _exit_reason(run: _Run, killed: bool) -> str:
    """Why a process exited without saying so; killed: this server killed it because it did not stop."""
    if killed:
        return "It did not stop in time and was killed: its last snapshot is kept."
    code = run.process.exitcode
    how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
    hint = " (often: out of memory; try a smaller model)" if code == -9 else ""
    return (
        f"The training process {how}{hint}. Its last snapshot is kept: press Train to start again."
    )
