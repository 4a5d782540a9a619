"""A budget in seconds: a run gets as many steps as fit into it, at the pace of the machine when the run begins.

Other runs share the machine, so a pace measured at another time would be wrong. The steps are fixed before the
first one is taken: the learning-rate schedule then ends with the run, and the settings tell how it was made.
"""

import math
import time
from typing import Any

from lm import tasks
from lm.plan import Plan
from lm.runs import going_on
from lm.runs.lock import WriterLock
from lm.runs.run import Run
from lm.training.learners import make_learner

LEAST_STEPS, MOST_STEPS = 10, 100_000
EVALUATIONS = 5
TRIAL = 0.08  # of the budget is spent on measuring, before the run begins
LEAST_TRIED = 4  # steps of the trial


def fitted(run: Run, data: Any, seconds: float, device: str, lock: WriterLock) -> Run:
    """Give a run that has not begun the steps that fit into `seconds` of training; returns it.

    data: of its task. Evaluations come on top. Raises whatever training raises.
    """
    pace = seconds_of_a_step(run.plan, data, device, TRIAL * seconds)
    steps = min(MOST_STEPS, max(LEAST_STEPS, math.floor(seconds / pace)))
    return going_on.go_on(run, spread(steps), lock)


def spread(steps: int) -> dict[str, int]:
    """The settings of a run of so many steps that is evaluated `EVALUATIONS` times."""
    return {"steps": steps, "evaluate_every": max(1, math.ceil(steps / EVALUATIONS))}


def seconds_of_a_step(plan: Plan, data: Any, device: str, seconds: float) -> float:
    """The mean over steps of a model that is thrown away; the first, which is slow, does not count."""
    task = tasks.KINDS[plan.task.task](data, plan.context_length, device)
    learner = make_learner(plan, task, device)
    learner.step(0)
    began, steps = time.perf_counter(), 0
    while steps < LEAST_TRIED or time.perf_counter() < began + seconds:
        steps += 1
        learner.step(steps)
    return (time.perf_counter() - began) / steps
