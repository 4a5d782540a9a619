"""Stand-ins for `timing_worker.work`: processes that note that they ran, and answer at once or never."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from lm.plan import Plan
from playground.training.timing_worker import Costs


def _note(folder: Path, plan: Plan) -> int:
    """Add a line for a timing: its process and the batch size; returns the number of lines."""
    with (folder / "timed").open("a") as file:
        file.write(f"{os.getpid()} {plan.values().get('batch_size')}\n")
    return len((folder / "timed").read_text().splitlines())


def answer(folder: Path, pipe: Connection, threads: int, device: str, plan: Plan, *_) -> None:
    """A second per step, and no time for anything else."""
    _note(folder, plan)
    pipe.send(Costs(1.0, 0.0, 0.0, quiet=True, when=time.time()))


def disturbed_once(folder: Path, pipe: Connection, threads: int, device: str, plan: Plan, *_):
    """Ten seconds per step on a busy machine the first time, then a second on a quiet one."""
    first = _note(folder, plan) == 1
    pipe.send(Costs(10.0 if first else 1.0, 0.0, 0.0, quiet=not first, when=time.time()))


def hang(folder: Path, pipe: Connection, threads: int, device: str, plan: Plan, *_) -> None:
    """No answer."""
    _note(folder, plan)
    time.sleep(300)


def late(folder: Path, pipe: Connection, threads: int, device: str, plan: Plan, *_) -> None:
    """The end of a timing that takes too long, as other work holds it up."""
    os.kill(os.getpid(), signal.SIGALRM)


def die(folder: Path, pipe: Connection, threads: int, device: str, plan: Plan, *_) -> None:
    """The end of a process that the system kills."""
    os._exit(9)
