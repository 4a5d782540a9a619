"""How long a plan will train, from timing a few of its steps on this machine."""

import math
import time
from typing import Any

import torch

from lm import tasks
from lm.plan import Plan
from lm.training.learners import make_learner

LEAST, MOST = 0.4, 12  # seconds and steps of a timing; it takes at least three steps


def seconds_of(plan: Plan, data: Any, device: str = "cpu") -> float:
    """About how many seconds a run takes, with its evaluations, if nothing else keeps the machine busy.

    Of the steps, the quickest counts: other work only makes steps slower. data: of the plan's task. The random
    numbers go on as if nothing had been timed.
    """
    task = tasks.KINDS[plan.task.task](data, plan.context_length, device)
    with torch.random.fork_rng(devices=[]):
        learner = make_learner(plan, task, device)
        steps: list[float] = []
        while len(steps) < plan.steps and (
            len(steps) < 3 or (len(steps) < MOST and sum(steps) < LEAST)
        ):
            began = time.perf_counter()
            learner.step(len(steps))
            steps.append(time.perf_counter() - began)
        began, done = time.perf_counter(), 1.0
        for share in task.evaluate(learner.model):
            done = share
            if time.perf_counter() - began > LEAST:
                break
        evaluation = (time.perf_counter() - began) / done
        began = time.perf_counter()
        task.sample(learner.model)
        sample = time.perf_counter() - began
    evaluations = math.ceil(plan.steps / plan.evaluate_every)
    return plan.steps * min(steps) + evaluations * (evaluation + sample)
