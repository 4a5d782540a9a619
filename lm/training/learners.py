"""The learners by the name that a plan's training settings carry."""

from collections.abc import Callable

from lm.plan import Plan
from lm.tasks import Task
from lm.training.counting import CountingLearner
from lm.training.cuda import CudaLearner
from lm.training.gradient import GradientLearner
from lm.training.learner import Learner
from lm.training.processes.data_parallel import DataParallelLearner
from lm.training.processes.group import Group

LEARNERS: dict[str, Callable[[Plan, Task, str], Learner]] = {
    "gradient": GradientLearner,
    "counting": CountingLearner,
}


def make_learner(
    plan: Plan, task: Task, device: str, compiled: bool = False, group: Group | None = None
) -> Learner:
    """The learner that a plan's training settings name, before its first step.

    compiled: let `torch.compile` make the kernels; on an Nvidia GPU only (`lm.devices.check_compiles`).
    group: the processes that train it together, if there are several.
    """
    if group is not None:
        return DataParallelLearner(plan, task, device, group)
    if plan.training.learner == "gradient" and device.startswith("cuda"):
        return CudaLearner(plan, task, device, compiled)
    return LEARNERS[plan.training.learner](plan, task, device)
