"""The learners by the name that a plan's training settings carry."""

from collections.abc import Callable

from lm.plan import Plan
from lm.tasks import Task
from lm.training.counting import CountingLearner
from lm.training.cuda import CudaLearner
from lm.training.gradient import GradientLearner
from lm.training.learner import Learner

LEARNERS: dict[str, Callable[[Plan, Task, str], Learner]] = {
    "gradient": GradientLearner,
    "counting": CountingLearner,
}


def make_learner(plan: Plan, task: Task, device: str, compiled: bool = False) -> Learner:
    """The learner that a plan's training settings name, before its first step.

    compiled: let `torch.compile` make the kernels; on an Nvidia GPU only (`lm.devices.check_compiles`).
    """
    if plan.training.learner == "gradient" and device.startswith("cuda"):
        return CudaLearner(plan, task, device, compiled)
    return LEARNERS[plan.training.learner](plan, task, device)
