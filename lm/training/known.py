"""The knowledge that a run starts from: weights, and the text on which they may get worse.

`lm/runs/starting.py` reads it from another run. A model that learns a new text may forget the old one, so each
evaluation also measures the loss on a part of the old text that was held out.
"""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from lm import tasks
from lm.tasks import Task


@dataclass(frozen=True)
class Known:
    """Of the run that another starts from.

    weights: by name; None if the run goes on from a checkpoint that holds all of them. They become part of the
    model, so use them once. vocab_size: of that run. task, data: that it learned, as `load` of the task made
    it; None if its text is not to be had.
    """

    weights: dict[str, Tensor] | None
    vocab_size: int
    task: str = ""
    data: Any = None


class OldText:
    """The held-out text of before; a bounded part of it, always the same, so that losses compare."""

    def __init__(self, known: Known, context_length: int, device: str) -> None:
        held_out = replace(known.data, train=known.data.validation)
        self.task: Task = tasks.KINDS[known.task](held_out, context_length, device)

    def loss(self, model: nn.Module) -> float:
        """In nats per character: of pairs, of those of the answers."""
        return self.task.train_loss(model)
