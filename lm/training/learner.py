"""The interface of a learner, which takes one training step after the other: by gradient, or by counting.

`lm/training/loop.py` asks for steps and yields what came of them. Another way of learning is one more class
here beside, one more entry in `LEARNERS` (`learners.py`), and a `Training` class with its settings
(`config.py`).
"""

from typing import NamedTuple, Protocol

from torch import Tensor, nn

from lm.training.events import Checkpoint


class StepResult(NamedTuple):
    """The loss of one step in nats per character, its learning rate, and the norm of its gradient.

    A learner without a gradient has 0 for the last two.
    """

    loss: float
    learning_rate: float
    grad_norm: float


class Learner(Protocol):
    """A model in training."""

    model: nn.Module  # as it is judged and as it writes
    learning_rate: float  # the peak of the schedule; a person may change it between two steps

    def step(self, step: int) -> StepResult:
        """Take step number `step` (from 0). Raises `Diverged`."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """All that a snapshot needs, by name: the live tensors."""
        ...

    def memory(self) -> dict[str, Tensor]:
        """All else that the next steps depend on, by name: the live tensors of the optimizers."""
        ...

    def restore(self, checkpoint: Checkpoint) -> None:
        """Return to the state in which the checkpoint was taken, exactly."""
        ...
