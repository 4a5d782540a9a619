"""The learners by the name that a plan's training settings carry."""

from collections.abc import Callable

from lm.plan import Plan
from lm.tasks import Task
from lm.training.counting import CountingLearner
from lm.training.gradient import GradientLearner
from lm.training.learner import Learner

LEARNERS: dict[str, Callable[[Plan, Task, str], Learner]] = {
    "gradient": GradientLearner,
    "counting": CountingLearner,
}


def make_learner(plan: Plan, task: Task, device: str) -> Learner:
    """The learner that a plan's training settings name, before its first step."""
    return LEARNERS[plan.training.learner](plan, task, device)
