"""The training runs of this server, each in a process of its own: start, queue, command, watch, stop.

`start` returns an unguessable token. With it, and only with it, a run can be watched and commanded. Whatever
trains holds a core, also for a single step, and waits in the queue for it (`run_queue.py`). One thread starts
the processes and listens to them, stops runs that nobody has watched for a while, and notices a process that
has died.
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from lm import runs
from lm.errors import RunProblem
from lm.wording import duration
from playground.runs.run_view import RunView
from playground.serving.limits import Limits
from playground.serving.visitors import NOBODY, Visitor
from playground.training import run_queue
from playground.training.run_pool import Place, RunPool
from playground.training.supervised import ENDED, LIVE, Supervised

SETTLED = {  # the statuses that an order leads to
    "pause": ("paused",),
    "step": ("paused", "queued"),
    "resume": ("running", "queued"),
    "stop": ENDED,
}
GRACE = 180.0  # seconds without a poll until a run is stopped; a hidden tab polls once a minute
STOP_PATIENCE = 20.0  # seconds that a process has to finish its step and save until it is killed
CLOSE_PATIENCE = 3.0  # the same when the server ends, which should take no more than five
# Processes without a core, which keep their memory; of more, the unwatched are stopped.
MOST_IDLE = 8

_log = logging.getLogger(__name__)


class Supervisor(RunPool):
    """Starts the runs of this server and looks after their processes until they end."""

    def __init__(
        self,
        *,
        cores: int | None = None,
        device: str = "cpu",
        grace: float = GRACE,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(cores, limits)
        self.device = device
        self.grace = grace
        self._looked = time.monotonic()  # when the thread last looked at the runs
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    # Starting

    @contextlib.contextmanager
    def place(self, visitor: Visitor = NOBODY, leaving: str = "") -> Iterator[Place]:
        """Keep a place for a run that is being made, to be given to `start`; `RunProblem` if there is none.

        leaving: the token of a run that is stopped when the new one starts, and gives up its place.
        """
        place = Place(visitor, leaving)
        with self._changed:
            self._check_room(place)
            self._places.append(place)
        try:
            yield place
        finally:
            with self._changed:
                if place in self._places:
                    self._places.remove(place)

    def start(
        self,
        run: runs.Run,
        data: Any,
        *,
        paused: bool,
        place: Place | None = None,
        budget: float | None = None,
    ) -> str:
        """Train a run that has just been created, or that goes on; returns its token.

        data: of the run's task; it is sent to the process. Without a core for it the run waits in the queue;
        without a `place`, `RunProblem` if that is full. A run of this server that goes on keeps its token.
        budget: seconds of training that replace the run's number of steps (`fitting.py`).
        """
        with self._changed:
            token = self._token_in(run.directory) or secrets.token_urlsafe(16)
            if self.is_live(token):
                raise RunProblem("This run is in training already.")
            if place is None:
                self._check_room(place := Place(NOBODY, ""))
            else:
                self._places.remove(place)
                self.command(place.leaving, "stop", patience=0)
            view = RunView(run)
            new = Supervised(view, data, paused, place.visitor, budget, watched=time.monotonic())
            self._runs[token] = new
            if self._closed:
                self._end(new, "stopped")
            else:
                self._join_queue(new)
        return token

    # Commands

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
            if order == "stop":
                self._stop(run)
            elif not run.ready:
                run.keep(order, value)
            elif order not in SETTLED:
                run.send(order, value)
            else:
                self._command_ready(run, order)
            if wanted := SETTLED.get(order):
                self._changed.wait_for(lambda: run.status in wanted + ENDED, patience)
            return run.status

    def _stop(self, run: Supervised) -> None:
        if run.status == "queued" and run.process is None:
            self._end(run, "stopped")
        elif run.stopping_since is None:
            run.stopping_since = time.monotonic()
            if run.ready:
                run.send("stop")
            else:
                run.keep("stop", None)

    def _command_ready(self, run: Supervised, order: str) -> None:
        """Have a run pause, go on or make a step; to train, a paused one waits until it is its turn."""
        if order in ("pause", "resume"):
            run.due.clear()
        gives_way = run.status == "paused" and run_queue.fair_order(self._runs.values())
        if run.holds_core and (order == "pause" or not gives_way):
            run.send(order)
        elif order == "pause":
            run.status = "paused"
        else:
            run.due = [order] if order == "resume" else [*run.due_steps, order]
            if not run.holds_core and run.status != "queued":
                self._join_queue(run)  # else once it has completed its step

    # The end

    def close(self) -> None:
        """Stop every run, saving its weights, and end all processes, in at most five seconds."""
        with self._changed:
            self._closed = True
            for run in self._runs.values():
                if run.status in LIVE:
                    self._stop(run)
            self._wake()
            self._changed.wait_for(lambda: not self._with_process(), CLOSE_PATIENCE)
            for run in self._with_process():
                run.kill(
                    "The server ended before this run had completed its step and saved: "
                    "its last snapshot is kept."
                )
        self._thread.join(1.0)

    # The thread

    def _supervise(self) -> None:
        while True:
            try:
                if self._attend():
                    return
            except Exception:  # the last line of defence: the other runs need this thread
                _log.exception("The supervising thread met a fault of the program")
                time.sleep(0.1)

    def _attend(self) -> bool:
        """Wait for something to do and do it; True once the server has ended, and all processes with it."""
        with self._changed:
            pipes = {run.pipe: run for run in self._runs.values() if run.pipe is not None}
            if self._closed and not self._with_process():
                return True
        for pipe in multiprocessing.connection.wait([*pipes, self._wake_reader], timeout=1.0):
            if pipe is self._wake_reader:
                self._wake_reader.recv()
            else:
                with self._failing(pipes[pipe]):
                    self._receive(pipes[pipe])
        with self._changed:
            begun = [r for r in self._runs.values() if r.status == "starting" and r.process is None]
            live = [run for run in self._runs.values() if run.status in LIVE]
        for run in begun:
            with self._failing(run):
                self._begin(run)
        idle = sorted((run for run in live if run.ready and not run.holds_core), key=_unwatched)
        surplus = idle[: max(0, len(idle) - MOST_IDLE)]
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        for run in live:
            with self._failing(run), self._changed:
                run.core_seconds += passed * run.holds_core
                self._end_if_due(run, run in surplus, now)
        return False

    @contextlib.contextmanager
    def _failing(self, run: Supervised) -> Iterator[None]:
        """Let a run fail, with the reason, if anything goes wrong with it: the others go on."""
        try:
            yield
        except Exception as error:
            _log.exception("The run in %s met a fault of the program", run.view.run.directory)
            reason = f"The page met a fault in looking after this run: {error!r}."
            with self._changed:
                run.kill(reason)
                if run.status in LIVE:
                    self._end(run, "failed", reason)

    def _begin(self, run: Supervised) -> None:
        """Start the process of a run, without keeping others from the supervisor meanwhile."""
        if self._closed or run.stopping_since is not None:
            with self._changed:
                self._end(run, "stopped")
            return
        try:
            run.start_process(self.device)
        except (OSError, EOFError) as error:
            reason = f"The system did not start a training process ({error}): try again in a while."
            with self._changed:
                self._end(run, "failed", reason)

    def _receive(self, run: Supervised) -> None:
        """Take one message from a training process. EOF: the process has exited."""
        try:
            status, _, reason = run.pipe.recv()
        except (EOFError, OSError):
            ended = run.end_of_process()
            with self._changed:
                run.pipe.close()
                run.pipe = None
                if run.status in LIVE:
                    self._end(run, *ended)
                elif run.killed_because is not None:
                    self._write_down(run)
                self._changed.notify_all()
            return
        with self._changed:
            if run.status not in LIVE:
                return  # a late word of a run that has failed
            if status in ENDED:
                self._end(run, status, reason or run.stopped_because)
            elif status == "waiting":
                if run.unanswered == 0 and run.holds_core:
                    self._leave_core(run)
            else:
                run.unanswered -= 1
                if not run.ready:
                    run.send_early()
                if run.unanswered == 0 and run.stopping_since is None:
                    run.status = status
                self._changed.notify_all()

    def _end_if_due(self, run: Supervised, surplus: bool, now: float) -> None:
        """Stop a run that nobody watches, that trains too long, or whose place in memory others need.

        Kill one that does not stop. A run is given twice the time that may be predicted for it: predictions are
        of a run that has the machine to itself.
        """
        if run.stopping_since is None:
            most = 2 * self.limits.run_seconds
            if most and run.core_seconds > most:
                run.stopped_because = (
                    f"A run may train for {duration(most)} here: it was stopped and saved."
                )
                self._stop(run)
            elif surplus or now - run.watched > self.grace:
                self._stop(run)
        elif now - run.stopping_since > STOP_PATIENCE:
            run.kill("It did not stop in time and was killed: its last snapshot is kept.")


def _unwatched(run: Supervised) -> tuple[bool, float]:
    """Sorts paused runs before those that wait in the queue, and then the longest unwatched first."""
    return run.status != "paused", run.watched
