"""The interface of a learner, which takes one training step after the other: by gradient, or by counting.

`lm/training/loop.py` asks for steps and yields what came of them. Another way of learning is one more class
in this folder, one more entry in `LEARNERS` (`learners.py`), and a `Training` class with its settings
(`config.py`).
"""

from typing import NamedTuple, Protocol

from torch import Tensor, nn

from lm.errors import Diverged
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

    @property
    def learning_rate(self) -> float:
        """The peak of the schedule; 0 if there is none."""
        ...

    def change_learning_rate(self, peak: float) -> bool:
        """Scale the schedule to another peak; False if it has that already, or there is none."""
        ...

    def step(self, step: int) -> StepResult:
        """Take step number `step` (from 0). Raises `Diverged`."""
        ...

    def layer_norms(self) -> tuple[float, ...]:
        """The norm of the last step's gradient in each block, from input to output; empty if unknown."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """All that a snapshot needs, by name: the live tensors."""
        ...

    def optimizer_state(self) -> dict[str, Tensor]:
        """The live tensors of the optimizers, by name: all else that the next steps depend on."""
        ...

    def restore(self, checkpoint: Checkpoint) -> None:
        """Return to the state in which the checkpoint was taken, exactly."""
        ...


def diverged(step: int, loss: float, learning_rate: float) -> Diverged:
    """The problem of a loss that is `loss` at `step`, with advice."""
    advice = ""
    if learning_rate:
        advice = f" Try a learning rate of {lower(learning_rate):g} or a longer warm-up."
    return Diverged(f"The loss diverged at step {step} (it was {loss:.3g}).{advice}")


def lower(learning_rate: float) -> float:
    """A round number about a third of a learning rate that was too high."""
    return float(f"{learning_rate / 3:.0e}")
