"""One training run in a process of its own: orders come in through a pipe, states go out.

Results do not pass through the pipe: they go into the run directory, which the page reads like anybody else.
The pipe carries only what must be quick. When its other end closes, the server has exited, and this process
exits too. The signals that end the server do not reach it (`processes.py`): the server has it save and stop.
"""

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Generator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import torch

from lm import runs
from lm.errors import Problem
from lm.plan import Plan
from lm.runs import recording, starting
from lm.runs.lock import WriterLock
from lm.training.events import ChangeLearningRate, Checkpoint, Command, Event, Step, TakeCheckpoint
from lm.training.loop import evaluation_due, train
from playground.training import processes
from playground.training.fitting import fitted

Order = (
    tuple[Literal["pause", "resume", "step", "stop"], None]
    | tuple[Literal["learning_rate"], float]
    | tuple[Literal["threads"], int]
)


def work(
    pipe: Connection,
    directory: Path,
    data: Any,
    paused: bool,
    threads: int,
    device: str,
    budget: float | None = None,
) -> None:
    """Train the run that `directory` describes, on the data of its task, until it ends or is told to stop.

    budget: seconds of training; a new run first gets as many steps as fit into them (`fitting.py`).

    Sends (status, step, reason) up the pipe: "paused" or "running" when it begins and in answer to each of the
    orders "pause", "resume" and "step"; "waiting" when it is paused and has completed the steps asked for; in
    the end "finished", "stopped" or "failed".
    """
    with contextlib.suppress(OSError):
        os.nice(10)  # the page stays quick while models train
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    processes.obey(signal.SIGTERM, lambda: orders.put(("stop", None)))  # sent to this process alone
    threading.Thread(target=_listen, args=(pipe, orders), daemon=True).start()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # also in a trial of `fitting.py`
    _Worker(pipe, directory, orders, paused, device, budget).run(data)


def _listen(pipe: Connection, orders: "queue.SimpleQueue[Order]") -> None:
    try:
        while True:
            orders.put(pipe.recv())
    finally:  # EOF, as a rule: the server has exited; the files on disk are whole
        os._exit(0)


class _Worker:
    """The run and its state between two events.

    A paused run still completes the steps that were asked for: step 0 with its sample and snapshot, so that
    there is something to look at, and each single step with the evaluation that may belong to it. It waits when
    none is left; "pause" cancels them, so that it takes effect at the next event.
    """

    def __init__(
        self,
        pipe: Connection,
        directory: Path,
        orders: "queue.SimpleQueue[Order]",
        paused: bool,
        device: str,
        budget: float | None,
    ) -> None:
        self.device = device
        self.budget = budget
        self.pipe = pipe
        self.directory = directory
        self.orders = orders
        self.paused = paused
        # Steps to complete before a pause takes effect; the first one is step 0.
        self.to_complete = 1
        self.step = 0
        self.completed = -1  # the last step whose evaluation and checkpoint, if any, are done
        self.stopped = False
        self.commands: list[Command] = []

    def run(self, data: Any) -> None:
        """Train from the first event to the last, and report how it ends."""
        try:
            self._train(data)
        except Problem as problem:
            self._report("failed", str(problem))
        except Exception as error:  # the last line of defence: the page must show it
            reason = f"The training process met a fault of the program: {error!r}."
            with contextlib.suppress(Problem):
                recording.write_status(self.directory, "failed", self.step, reason)
            self._report("failed", reason)
            raise

    def _train(self, data: Any) -> None:
        """A new run, or one that goes on from its last checkpoint."""
        with WriterLock(self.directory) as lock:
            run = runs.open_run(self.directory)
            resume = recording.rewind(run, lock)
            if resume is not None:
                self.step = self.completed = resume.step
                self.to_complete = 0
            elif self.budget is not None:
                run = fitted(run, data, self.budget, self.device, lock)
            known = starting.known_of(run)
            events = train(run.plan, data, device=self.device, resume=resume, known=known)
            self._follow(run, recording.record(run, events, lock))
        self._report("stopped" if self.stopped else "finished")

    def _follow(self, run: runs.Run, events: Generator[Event, Command | None, None]) -> None:
        """Carry out orders between the events, until there are no more or it is told to stop."""
        # Events are closed also after a fault here, before the fault is written down.
        with contextlib.closing(events):
            event = next(events)
            self._report_state()
            while True:
                self._note(event, run.plan)
                self._carry_out_orders()
                if self.stopped:
                    events.send(TakeCheckpoint())
                    break
                try:
                    event = events.send(self.commands.pop(0) if self.commands else None)
                except StopIteration:
                    break

    def _note(self, event: Event, plan: Plan) -> None:
        """Count the completed steps; a step is complete with its evaluation and checkpoint, if any."""
        if isinstance(event, Step):
            self.step = event.step
        done = isinstance(event, Checkpoint) or (
            isinstance(event, Step) and not evaluation_due(event.step, plan)
        )
        if done and self.step > self.completed:
            self.completed = self.step
            self.to_complete = max(0, self.to_complete - 1)

    def _carry_out_orders(self) -> None:
        """Carry out the orders that have come; while paused with no step to complete, wait here for more."""
        while not self.stopped:
            try:
                name, value = self.orders.get_nowait()
            except queue.Empty:
                if not self.paused or self.to_complete:
                    return
                self._report("waiting")
                name, value = self.orders.get()
            if name == "pause":
                self.paused, self.to_complete = True, 0
                self._report_state()
            elif name == "resume":
                self.paused, self.to_complete = False, 0
                self._report_state()
            elif name == "step":
                self.paused, self.to_complete = True, self.to_complete + 1
                self._report_state()
            elif name == "stop":
                self.stopped = True
            elif name == "learning_rate":
                self.commands.append(ChangeLearningRate(float(value or 0)))
            elif name == "threads":
                torch.set_num_threads(int(value or 1))

    def _report_state(self) -> None:
        status: Literal["paused", "running"] = "paused" if self.paused else "running"
        recording.write_status(self.directory, status, self.step)
        self._report(status)

    def _report(self, status: str, reason: str | None = None) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send((status, self.step, reason))
