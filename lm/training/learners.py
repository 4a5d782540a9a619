"""The learners by the name that a plan's training settings carry."""

from collections.abc import Callable

from lm.errors import SettingsProblem
from lm.plan import Plan
from lm.tasks import Task
from lm.training.counting import CountingLearner
from lm.training.cuda import CudaLearner
from lm.training.gradient import GradientLearner
from lm.training.known import Known
from lm.training.learner import Learner
from lm.training.processes.data_parallel import DataParallelLearner
from lm.training.processes.group import Group

LEARNERS: dict[str, Callable[[Plan, Task, str], Learner]] = {
    "gradient": GradientLearner,
    "counting": CountingLearner,
}


def make_learner(
    plan: Plan,
    task: Task,
    device: str,
    compiled: bool = False,
    group: Group | None = None,
    known: Known | None = None,
) -> Learner:
    """The learner that a plan's training settings name, before its first step.

    compiled: let `torch.compile` make the kernels; on an Nvidia GPU only (`lm.devices.check_compiles`).
    group: the processes that train it together, if there are several. known: what a plan with a start begins
    with; without it such a plan can be timed, from random numbers.
    """
    if group is not None and plan.start.tunes:
        raise SettingsProblem(
            "Several processes train a model from random numbers only: leave the start out."
        )
    if group is not None and group.sharded:
        from lm.training.processes.sharded import ShardedLearner  # here, because it takes a second

        return ShardedLearner(plan, task, device, group)
    if group is not None:
        return DataParallelLearner(plan, task, device, group)
    if plan.training.learner == "gradient" and device.startswith("cuda"):
        return CudaLearner(plan, task, device, compiled, known)
    if known is not None:
        return GradientLearner(plan, task, device, known)
    return LEARNERS[plan.training.learner](plan, task, device)
