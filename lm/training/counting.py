"""Learning by counting: first the n-grams of one token, then those that are one token longer, and so on.

Each length takes `parts` steps (`CountingConfig`), which read one part of the text each.
"""

from typing import Any

from torch import Tensor

from lm.ngrams import Counting
from lm.plan import Plan
from lm.tasks import ContinueText, Task
from lm.training.config import CountingConfig
from lm.training.events import Checkpoint
from lm.training.learner import StepResult


class CountingLearner:
    """A model of counts. It has no gradient, no learning rate and no random numbers."""

    learning_rate = 0.0

    def __init__(self, plan: Plan, task: Task, device: str) -> None:
        assert isinstance(task, ContinueText)  # the only task of a rung that counts
        assert isinstance(plan.training, CountingConfig)
        self.parts = plan.training.parts
        self.task, self.device = task, device
        self.model: Any = plan.rung.model(plan.model, task.vocab_size)
        self.counting = Counting(task.train.cpu().numpy(), task.vocab_size)

    def change_learning_rate(self, peak: float) -> bool:
        """There is none."""
        return False

    def layer_norms(self) -> tuple[float, ...]:
        """There is no gradient."""
        return ()

    def weights(self) -> dict[str, Tensor]:
        """The counts."""
        return self.model.state_dict()

    def optimizer_state(self) -> dict[str, Tensor]:
        """Empty: the text holds all else."""
        return {}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Count again, as far as the checkpoint: that is quicker than to store the intermediate results."""
        self.model.load_state_dict(checkpoint.weights)
        self.model.to(self.device)
        for _ in range(checkpoint.step // self.parts):
            self.counting.count_next_length()

    def step(self, step: int) -> StepResult:
        """Count the next part of the text for the longest n-grams; the loss is that of the text after that.

        Until all of the text has been counted, the longest n-grams are those of its beginning.
        """
        length, part = step // self.parts + 1, step % self.parts + 1
        if part == self.parts:
            self.counting.count_next_length()
            counted = self.counting
        else:
            size = len(self.counting.ids)
            counted = self.counting.longer_in(max(size * part // self.parts, length))
        self.model.set_counts(counted.counts)
        self.model.to(self.device)
        return StepResult(counted.loss() / self.task.characters_per_token, 0.0, 0.0)
