"""Models as they were at a step of their run, and what was seen in them; the last few are kept in memory."""

import threading
from collections import OrderedDict
from typing import Any

from torch import nn

from lm.errors import RunProblem
from lm.runs.run import Run
from playground.looking.beside import Beside
from playground.looking.kept import Kept

ANSWERS = 24  # kept, of up to a megabyte each
MOST_BYTES = 1_200_000_000  # of the weights of the models kept: two of 135 million numbers


class Snapshots:
    """Loads the weights of a run at a step; never asks the process that trains it.

    answers: of the views of the inside, by run and question. beside: work on models that takes seconds.
    """

    def __init__(self, keep: int = 6, most_bytes: int = MOST_BYTES) -> None:
        self.keep, self.most_bytes = keep, most_bytes
        self.answers: Kept[dict[str, Any]] = Kept(ANSWERS)
        self.beside = Beside()
        # By identity and step: a run that is made anew in the place of another is not that run.
        self._models: OrderedDict[tuple[str | None, int], nn.Module] = OrderedDict()
        self._lock = threading.Lock()

    def model(self, run: Run, step: int | None) -> tuple[nn.Module, int]:
        """The model at the snapshot nearest to `step` (None: the last), and its step."""
        if not run.snapshots():
            raise RunProblem(_no_weights(run))
        key = (run.identity, run.nearest_snapshot(step))
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key], key[1]
        model, found = run.model(step)
        with self._lock:
            self._models[run.identity, found] = model
            self._drop_old()
        return model, found

    def _drop_old(self) -> None:
        """Forget the models that nobody asked for the longest; the last one stays, of any size."""
        sizes = {key: _bytes(model) for key, model in self._models.items()}
        while len(sizes) > 1 and (len(sizes) > self.keep or sum(sizes.values()) > self.most_bytes):
            oldest, _ = self._models.popitem(last=False)
            del sizes[oldest]


def _bytes(model: nn.Module) -> int:
    """Bytes of the weights of a model."""
    return sum(one.numel() * one.element_size() for one in model.parameters())


def _no_weights(run: Run) -> str:
    """Why there is no snapshot, and what to do."""
    if any(line["type"] == "snapshot" for line in run.metrics()):
        return (
            "The weights of this run are gone, for its snapshots were deleted: press Train for a new run, or "
            "choose another."
        )
    if run.status()[0] in ("stopped", "failed"):
        return (
            "This run ended before its first weights: press Train for a new run, or choose another."
        )
    return "There are no weights to look at yet: the first come with step 0."
