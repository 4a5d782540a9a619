"""Learning by counting: each step counts the n-grams of the whole text that are one token longer."""

from typing import Any

from torch import Tensor

from lm.ngrams import Counting
from lm.plan import Plan
from lm.tasks import ContinueText, Task
from lm.training.events import Checkpoint
from lm.training.learner import StepResult


class CountingLearner:
    """A model of counts. It has no gradient, no learning rate and no random numbers."""

    learning_rate = 0.0

    def __init__(self, plan: Plan, task: Task, device: str) -> None:
        assert isinstance(task, ContinueText)  # the only task of a rung that counts
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
        for _ in range(checkpoint.step):
            self.counting.count_next_length()

    def step(self, step: int) -> StepResult:
        """Count the n-grams of `step` + 1 tokens; the loss is that of the text itself, after the step."""
        self.counting.count_next_length()
        self.model.set_counts(self.counting.counts)
        self.model.to(self.device)
        return StepResult(self.counting.loss() / self.task.characters_per_token, 0.0, 0.0)
