"""The events that a training run yields, and the commands that can be sent to it.

`lm/training/loop.py` yields the events and obeys the commands; recording, progress bars and the page use them.
Losses are in nats per character, whatever a token is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from lm.training.config import TrainingConfig


@dataclass(frozen=True)
class Step:
    """One change of the weights. `step` counts from 1; `loss` is the batch's, before the change.

    A learner that counts the whole text gives the loss of the text itself, after the step.
    """

    step: int
    loss: float  # nats per character
    learning_rate: float  # 0 without a gradient, like its norm
    grad_norm: float
    seconds: float  # spent in training steps since the run began; not in evaluations or pauses
    # The norm of the gradient in each block of a network, from the input to the output, before it was
    # shortened; empty, but of the steps of evaluations and snapshots.
    layer_norms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Evaluating:
    """An evaluation is under way: the run can pause or stop here."""

    step: int
    share: float  # 0 to 1


@dataclass(frozen=True)
class Evaluated:
    """The exact loss over the validation split after `step` steps.

    characters: of a split that is too large to be read whole, how many were read; None of any other.
    scores: what else the task judges (`lm.evaluation.Evaluation`).
    train_loss: over windows spread evenly over the training split, measured in the same way: without dropout or
    noise, and with the same share of counted n-grams. None of a learner that counts.
    old_loss: over held-out text of the run that this one started from: how much it forgets. None without such a
    text.
    """

    step: int
    loss: float  # nats per character
    bits_per_char: float
    seconds: float
    characters: int | None = None
    train_loss: float | None = None  # nats per character
    scores: Mapping[str, float] = field(default_factory=dict)
    old_loss: float | None = None  # nats per character


@dataclass(frozen=True)
class Sample:
    """A text that the model wrote after `step` steps, always with the same seed and prompt."""

    step: int
    text: str


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to look at the model, or to go on exactly from here.

    The tensors are the live ones: copy or write them before asking for the next event. `replay` marks
    the checkpoints that are kept as snapshots, spread over the run so that it can be replayed.
    """

    step: int
    evaluated: int  # the last step whose evaluation is done
    sampled: int  # the last step whose sample is written
    seconds: float
    learning_rate: float  # the peak of the schedule; changes when a person changes it
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    replay: bool


@dataclass(frozen=True)
class LearningRateChanged:
    """From the step after `step` on, the schedule is scaled to a new peak."""

    step: int
    learning_rate: float


Event = Step | Evaluating | Evaluated | Sample | Checkpoint | LearningRateChanged


@dataclass(frozen=True)
class ChangeLearningRate:
    """A command for `send`: the schedule's new peak. `SettingsProblem` if no run could begin with it."""

    learning_rate: float

    def __post_init__(self) -> None:
        TrainingConfig.make(learning_rate=self.learning_rate)


@dataclass(frozen=True)
class TakeCheckpoint:
    """A command for `send`: the next event is a `Checkpoint` of this very moment."""


Command = ChangeLearningRate | TakeCheckpoint
