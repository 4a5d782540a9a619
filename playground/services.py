"""What the server keeps for all visitors: runs, texts, models in memory, and time estimates."""

import contextlib
import multiprocessing.forkserver
import os
import threading
from dataclasses import replace
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from lm.ladder import RUNGS
from lm.plan import Plan
from lm.speed import Machine, Work, measure, rehearsed, work_of
from lm.training.config import TrainingConfig
from playground.library import Library
from playground.snapshots import Snapshots
from playground.supervisor import Supervisor
from playground.texts import Text, Texts

FIRST_VISIT = 6.0  # seconds that the first page takes; the machine is measured after it
SITTINGS = 3  # in which each plan is rehearsed
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"


class Services:
    """One of each, shared by every tab and every visitor."""

    def __init__(self, supervisor: Supervisor, library: Library) -> None:
        self.supervisor = supervisor
        self.library = library
        self.snapshots = Snapshots()
        self.texts = Texts(library.runs_folder, library.baselines())
        self.machine: Machine | None = None  # what is known of it so far; it gets better
        self.measured = False  # whether `machine` is as well known as it will be
        self._closing = threading.Event()
        self._measuring: Any = None  # the process that does
        self._preparation = threading.Thread(target=self._prepare, daemon=True)

    def prepare(self) -> None:
        """Make ready for runs and measure the machine, beside all else: call it once the page is served."""
        multiprocessing.forkserver.ensure_running()  # it imports for seconds what every run needs
        self._preparation.start()

    def work(self, plan: Plan, vocab_size: int) -> Work:
        """What one training step of a plan asks for; counted once for each shape."""
        if isinstance(plan.training, TrainingConfig):
            shape = plan.training.model_dump(include={"batch_size", "optimizer"})
            plan = replace(plan, training=TrainingConfig(**shape))
        return _work(plan, vocab_size)

    def seconds(self, plan: Plan, text: Text) -> float | None:
        """Predicted seconds of a whole run with its evaluations; None until that can be told."""
        if self.machine is None or not (self.measured or self.machine.knows(plan)):
            return None
        work = self.work(plan, text.tokenizer.vocab_size)
        return self.machine.seconds(plan, work, len(text.train_ids), len(text.validation_ids))

    def close(self) -> None:
        """End every run, keeping what it learned."""
        self.supervisor.close()
        self._closing.set()
        if self._measuring is not None:
            self._measuring.terminate()
        if self._preparation.is_alive():
            self._preparation.join(10)  # torch ends the process badly if it still works in a thread

    def _prepare(self) -> None:
        if not self._closing.wait(FIRST_VISIT):
            self._measure_machine()
            self.measured = True

    def _measure_machine(self) -> None:
        """Let a process of its own measure: it leaves no memory behind, and the page stays quick."""
        context = multiprocessing.get_context("forkserver")
        pipe, other_end = context.Pipe()
        threads = self.supervisor.cores  # as a run has that trains alone
        self._measuring = context.Process(target=_measure, args=(other_end, threads), daemon=True)
        self._measuring.start()
        other_end.close()
        plans = [rung.plan() for rung in RUNGS.values()]  # first what every tab opens with
        plans += [r.plan(recipe.name) for r in RUNGS.values() for recipe in r.recipes[1:]]
        with pipe, contextlib.suppress(EOFError, OSError):  # it died: what is known serves
            self.machine = pipe.recv()
            for plan in plans * SITTINGS:
                self._rehearse(plan, pipe)

    def _rehearse(self, plan: Plan, pipe: Connection) -> None:
        while self.supervisor.running() and not self._closing.wait(0.5):
            pass  # whoever trains has the cores
        work = self.work(plan, 65)  # a first count is slow: have it before it is asked for
        if isinstance(plan.training, TrainingConfig) and not self._closing.is_set():
            pipe.send((plan, work))
            self.machine = pipe.recv()


def _measure(pipe: Connection, threads: int) -> None:
    """What this machine can do, then again after rehearsing each plan that comes, until none does."""
    with contextlib.suppress(OSError):
        os.nice(15)  # after the page and the runs; what they disturb does not count
    torch.set_num_threads(threads)
    machine = measure()
    with contextlib.suppress(EOFError, OSError):
        pipe.send(machine)
        while True:
            machine = rehearsed(machine, *pipe.recv())
            pipe.send(machine)


@lru_cache(maxsize=256)
def _work(plan: Plan, vocab_size: int) -> Work:
    return work_of(plan, vocab_size)
