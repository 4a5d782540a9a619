"""One training run in a process of its own: commands come down a pipe, states go up.

What the run learns does not pass through the pipe: it goes into the run directory, where the page, like
anybody else, reads it. The pipe carries only what must be quick. When the other end of the pipe closes, the
page's server is gone, and so is this process.
"""

import contextlib
import os
import queue
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from lm import runs
from lm.errors import Problem
from lm.plan import Plan
from lm.runs import recording
from lm.training.events import ChangeLearningRate, Checkpoint, Command, Event, Step, TakeCheckpoint
from lm.training.learners import Data
from lm.training.loop import evaluation_due, train

Order = (
    tuple[Literal["pause", "resume", "step", "stop"], None]
    | tuple[Literal["learning_rate"], float]
    | tuple[Literal["threads"], int]
)


def work(
    pipe: Connection,
    directory: Path,
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    paused: bool,
    threads: int,
    device: str,
) -> None:
    """Train the run that `directory` describes until it ends or is told to stop.

    Sends ("paused" | "running" | "finished" | "stopped" | "failed", step, reason) up the pipe.
    """
    with contextlib.suppress(OSError):
        os.nice(10)  # the page stays quick while models train
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, orders), daemon=True).start()
    torch.set_num_threads(threads)
    _Worker(pipe, directory, orders, paused, device).run(train_ids, validation_ids)


def _listen(pipe: Connection, orders: "queue.SimpleQueue[Order]") -> None:
    try:
        while True:
            orders.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)  # nobody is there to watch; what is on disk is whole


class _Worker:
    """The run, and where it stands between two events.

    A paused run still owes what was asked of it: its first sample and snapshot, so that there is something
    to look at, and each single step with the evaluation that may belong to it. It waits once it owes
    nothing; "pause" cancels what is owed, so that it takes hold at the next event, whatever that is.
    """

    def __init__(
        self,
        pipe: Connection,
        directory: Path,
        orders: "queue.SimpleQueue[Order]",
        paused: bool,
        device: str,
    ) -> None:
        self.device = device
        self.pipe = pipe
        self.directory = directory
        self.orders = orders
        self.paused = paused
        self.owed = 1  # steps to complete before a pause takes hold; the first one is step 0
        self.step = 0
        self.completed = -1  # the last step that is done with all that belongs to it
        self.stopped = False
        self.commands: list[Command] = []

    def run(self, train_ids: np.ndarray, validation_ids: np.ndarray) -> None:
        """From the first event to the last, telling the page what becomes of it."""
        try:
            self._train(train_ids, validation_ids)
        except Problem as problem:
            self._tell("failed", str(problem))
        except Exception as error:  # the last line of defence: the page must hear of it
            reason = f"The training process met a fault of the program: {error!r}."
            with contextlib.suppress(Problem):
                recording.write_status(self.directory, "failed", self.step, reason)
            self._tell("failed", reason)
            raise

    def _train(self, train_ids: np.ndarray, validation_ids: np.ndarray) -> None:
        run = runs.open_run(self.directory)
        train_tokens, validation_tokens = (
            torch.from_numpy(ids.astype(np.int64)) for ids in (train_ids, validation_ids)
        )
        data = Data(train_tokens, validation_tokens, run.tokenizer())
        events = recording.record(run, train(run.plan, data, device=self.device))
        event = next(events)
        self._settle()
        while True:
            self._note(event, run.plan)
            self._obey()
            if self.stopped:
                events.send(TakeCheckpoint())
                events.close()
                self._tell("stopped")
                return
            try:
                event = events.send(self.commands.pop(0) if self.commands else None)
            except StopIteration:
                self._tell("finished")
                return

    def _note(self, event: Event, plan: Plan) -> None:
        """Keep count of the steps; one is complete with its evaluation and checkpoint, if it has any."""
        if isinstance(event, Step):
            self.step = event.step
        done = isinstance(event, Checkpoint) or (
            isinstance(event, Step) and not evaluation_due(event.step, plan)
        )
        if done and self.step > self.completed:
            self.completed = self.step
            self.owed = max(0, self.owed - 1)

    def _obey(self) -> None:
        """Carry out what has been asked for; while paused and owing nothing, wait here for more."""
        while not self.stopped:
            try:
                name, value = self.orders.get(block=self.paused and not self.owed)
            except queue.Empty:
                return
            if name == "pause":
                self.paused, self.owed = True, 0
                self._settle()
            elif name == "resume":
                self.paused, self.owed = False, 0
                self._settle()
            elif name == "step":
                self.paused, self.owed = True, self.owed + 1
                self._settle()
            elif name == "stop":
                self.stopped = True
            elif name == "learning_rate":
                self.commands.append(ChangeLearningRate(float(value or 0)))
            elif name == "threads":
                torch.set_num_threads(int(value or 1))

    def _settle(self) -> None:
        status: Literal["paused", "running"] = "paused" if self.paused else "running"
        recording.write_status(self.directory, status, self.step)
        self._tell(status)

    def _tell(self, status: str, reason: str | None = None) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send((status, self.step, reason))
