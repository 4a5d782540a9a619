"""A GPU burst: a run that trains for up to a minute on a GPU that a Space lends for as long.

Hugging Face's ZeroGPU runs a function in a process of its own, with a GPU, on the quota of the visitor who
asks. Like any training process (`worker.py`), it writes into the run directory, which everybody reads.
`playground/serving/zero_gpu.py` makes the function one of ZeroGPU's.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm import runs
from lm.runs import recording
from lm.runs.lock import WriterLock
from lm.training.events import TakeCheckpoint
from lm.training.loop import train

LENT = 60  # seconds for which the GPU is asked, and by which the quota of the visitor shrinks
TRAINING = 50.0  # of these, the model trains; then it is saved
TOLD = 1.0  # seconds between two signs of life


def burst(
    directory: Path, data: Any, device: str = "cuda", seconds: float = TRAINING
) -> Iterator[int]:
    """Train the new run in a directory until it is finished or `seconds` have passed; yields steps on the way.

    data: of its task. What goes wrong is written into the run, and raised.
    """
    began = told = time.monotonic()
    with WriterLock(directory) as lock:
        run = runs.open_run(directory)
        events = recording.record(run, train(run.plan, data, device=device), lock)
        with contextlib.closing(events):
            for event in events:
                now = time.monotonic()
                if now - began > seconds:
                    events.send(TakeCheckpoint())
                    return
                if now - told > TOLD:
                    told = now
                    yield event.step
