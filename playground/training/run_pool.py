"""The runs of this server, the cores that they share, and the queue for these."""

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from lm.devices import available_cores
from lm.errors import RunProblem
from lm.runs import recording
from playground.runs.run_view import RunView
from playground.serving.limits import Limits
from playground.serving.visitors import Visitor
from playground.training import run_queue
from playground.training.supervised import LIVE, Supervised


@dataclass(frozen=True, eq=False)
class Place:
    """A place in the queue that is kept for a run while its directory is made."""

    visitor: Visitor
    leaving: str  # the token of the run that it replaces


class RunPool:
    """Knows every run by its token, and decides which of them have a core."""

    def __init__(self, cores: int | None, limits: Limits | None) -> None:
        self.cores = cores or available_cores()
        self.limits = limits or Limits()
        # Predicted seconds of training that are left of a run, if they are known. Called with the lock held.
        self.seconds_left: Callable[[RunView], float | None] = lambda view: None
        self._runs: dict[str, Supervised] = {}
        self._places: list[Place] = []
        self._queued = 0  # runs that have joined the queue so far
        self._changed = threading.Condition(threading.RLock())
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self._closed = False

    # Questions

    def watch(self, token: str) -> RunView | None:
        """The view of a run of this server, or None; asking for it counts as watching the run."""
        with self._changed:
            run = self._runs.get(token)
            if run is None:
                return None
            run.watched = time.monotonic()
            return run.view

    def may_be_rewritten(self, token: str) -> bool:
        """Whether a run has a budget and its process, which makes steps of it, has not begun (`fitting.py`)."""
        with self._changed:
            run = self._runs.get(token)
            return (
                run is not None and run.budget is not None and not run.ready and run.status in LIVE
            )

    def status(self, token: str) -> tuple[str, str | None] | None:
        """The status of a run of this server and the reason for it, or None."""
        with self._changed:
            run = self._runs.get(token)
            return None if run is None else (run.status, run.reason)

    def place_in_queue(self, token: str) -> dict[str, int | None] | None:
        """{"place": from 1, "of": runs that wait, "seconds": until it starts, roughly, if known}, or None."""
        with self._changed:
            run = self._runs.get(token)
            if run is None or not run.waits:
                return None
            seconds = self._forecast()
            place, own = list(seconds).index(run) + 1, seconds[run]
        rounded = None if own is None else run_queue.rough(own)
        return {"place": place, "of": len(seconds), "seconds": rounded}

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

    def _token_in(self, directory: Path) -> str | None:
        """The token of the run of this server in a directory, if there is one."""
        found = (token for token, run in self._runs.items() if run.view.run.directory == directory)
        return next(found, None)

    def visitors(self) -> dict[Path, Visitor]:
        """The directories of the runs of this server, each with the visitor who began it."""
        with self._changed:
            return {run.view.run.directory: run.visitor for run in self._runs.values()}

    def running(self) -> int:
        """The number of runs that hold a core now."""
        with self._changed:
            return sum(run.holds_core for run in self._runs.values())

    def queue(self) -> dict[str, int | None]:
        """How many runs train, at most and now, how many wait, and the seconds until the next one starts."""
        with self._changed:
            seconds = self._forecast()
            training = self.running()
        soonest = next(iter(seconds.values()), None)
        return {
            "training": training,
            "runs_at_once": self._places_to_train,
            "waiting": len(seconds),
            "seconds_until_next": None if soonest is None else run_queue.rough(soonest),
        }

    def forget(self, directories: Collection[Path]) -> None:
        """Drop the ended runs whose directories have been deleted."""
        with self._changed:
            self._runs = {
                token: run
                for token, run in self._runs.items()
                if run.status in LIVE or run.view.run.directory not in directories
            }

    # The queue

    def _join_queue(self, run: Supervised) -> None:
        self._queued += 1
        run.status, run.queued_at = "queued", self._queued
        self._serve_queue()

    def _serve_queue(self) -> None:
        """Give free cores to the runs that are next."""
        while not self._closed and (run := self._next()):
            run.holds_core = True
            if run.process is None:
                run.status = "starting"
                self._wake()  # the thread starts the process, which takes a while
            else:
                run.send_due()
        self._share_cores()
        self._changed.notify_all()

    def _next(self) -> Supervised | None:
        return run_queue.next_run(list(self._runs.values()), self._places_to_train, self.limits)

    def _leave_core(self, run: Supervised) -> None:
        """A run waits for orders, or has ended: another may train."""
        run.holds_core = False
        if run.due and run.status in LIVE:
            self._join_queue(run)  # single steps that were asked for meanwhile
        else:
            self._serve_queue()

    def _share_cores(self) -> None:
        """Give a single run all cores, and divide them among several."""
        threads = max(1, self.cores // max(1, self.running()))
        for run in self._runs.values():
            if run.holds_core:
                run.use_threads(threads)

    def _forecast(self) -> dict[Supervised, float | None]:
        return run_queue.forecast(self._runs.values(), self._places_to_train, self.seconds_left)

    @property
    def _places_to_train(self) -> int:
        return self.limits.runs_at_once or self.cores

    def _check_room(self, place: Place) -> None:
        if self._closed:
            raise RunProblem("The server is about to end: no run can start any more.")
        others = (run for token, run in self._runs.items() if token != place.leaving)
        waiting = [run.visitor for run in others if run.waits]
        waiting += [other.visitor for other in self._places]
        if run_queue.is_full(place.visitor, waiting, self.limits):
            soonest = next(iter(self._forecast().values()), None)
            raise RunProblem(run_queue.refusal(len(waiting), self.limits, soonest))

    def _end(self, run: Supervised, status: str, reason: str | None = None) -> None:
        """Note that a run has ended; of one without a process, or that failed, write it down."""
        run.status, run.reason, run.data = status, reason, None
        if run.pipe is None or status == "failed":
            self._write_down(run)
        self._leave_core(run)

    def _write_down(self, run: Supervised) -> None:
        """Write down the end of a run, which its process has not done; nothing is written while that lives."""
        with contextlib.suppress(Exception):  # the folder was deleted, the disk is full
            recording.note_end(run.view.run, run.status, run.reason)  # type: ignore[arg-type]

    def _with_process(self) -> list[Supervised]:
        return [run for run in self._runs.values() if run.has_process]

    def _wake(self) -> None:
        """Let the supervising thread look for something to do. More than one message would fill the pipe."""
        if not self._wake_reader.poll():
            self._wake_writer.send(None)
