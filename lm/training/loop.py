"""The training loop, as a generator of events.

`train(plan, data)` yields an event after every step. The caller decides what to do with it: print it, write it
to a run directory, draw it. Not asking for the next event is a pause, asking for one is a single step,
`close()` is a stop, and `send(command)` changes the learning rate or asks for a checkpoint. The loop prints
nothing, writes nothing and knows of no page.

Each step seeds the random numbers it needs (the windows of the text, dropout) from the run's seed and its own
number. A run resumed from a checkpoint therefore equals one that was never interrupted, bit for bit on a CPU
with the same number of threads.
"""

import math
import time
from collections.abc import Generator
from typing import Any

import torch

from lm import tasks
from lm.devices import memory_explained
from lm.errors import SettingsProblem
from lm.plan import Plan
from lm.training.events import (
    Checkpoint,
    Command,
    Evaluated,
    Evaluating,
    Event,
    LearningRateChanged,
    Sample,
    Step,
    TakeCheckpoint,
)
from lm.training.known import Known, OldText
from lm.training.learner import diverged
from lm.training.learners import make_learner
from lm.training.processes.group import Group


def train(
    plan: Plan,
    data: Any,
    *,
    device: str = "cpu",
    resume: Checkpoint | None = None,
    compiled: bool = False,
    group: Group | None = None,
    known: Known | None = None,
) -> Generator[Event, Command | None, None]:
    """Train a new model (or go on from `resume`) until `plan.steps`.

    data: what `load` of the plan's task made of a corpus.
    compiled: let `torch.compile` make the kernels, on an Nvidia GPU only.
    group: the processes that train it together; each of them yields the same events.
    known: what the plan's start begins with (`lm.runs.starting.known_of`).
    Raises `SettingsProblem` if the text is too short for the plan or the plan too large for the GPU's memory,
    and `Diverged` if the loss is no longer a number or stays above three times that of a uniform guess.
    """
    advice = "lower the batch size, the context length, the embedding size or the number of layers"
    with memory_explained(advice):
        yield from _events(plan, data, device, resume, compiled, group, known)


def _events(
    plan: Plan,
    data: Any,
    device: str,
    resume: Checkpoint | None,
    compiled: bool,
    group: Group | None,
    known: Known | None,
) -> Generator[Event, Command | None, None]:
    """The events of `train`."""
    task = tasks.KINDS[plan.task.task](data, plan.context_length, device)
    torch.set_flush_denormal(True)  # a CPU computes many times slower with the tiniest numbers
    if plan.start.tunes and known is None:
        raise SettingsProblem(f"The run starts from {plan.start.start}, and was given no weights.")
    learner = make_learner(plan, task, device, compiled, group, known)
    old = None
    if known is not None and known.data is not None:
        old = OldText(known, plan.context_length, device)
    replayed = replay_steps(plan)
    step, seconds = 0, 0.0
    evaluated, sampled = -1, -1  # the last step that was evaluated, and that had a sample: none yet
    if resume is not None:
        learner.restore(resume)
        step, seconds = resume.step, resume.seconds
        evaluated, sampled = resume.evaluated, resume.sampled

    def checkpoint(replay: bool = True) -> Checkpoint:
        return Checkpoint(
            step=step,
            evaluated=evaluated,
            sampled=sampled,
            seconds=seconds,
            learning_rate=learner.learning_rate,
            weights=learner.weights(),
            optimizer=learner.optimizer_state() if step else {},  # empty before the first step
            replay=replay,
        )

    def listen(command: Command | None) -> Generator[Event, Command | None, None]:
        """Obey a command. An event tells of it, and may be answered by another command."""
        while command is not None:
            if isinstance(command, TakeCheckpoint):
                command = yield checkpoint()
            elif learner.change_learning_rate(command.learning_rate):
                command = yield LearningRateChanged(step, command.learning_rate)
            else:  # it has that rate already
                return

    while True:
        # Each part is marked as done before its event: a checkpoint taken in between is resumed with the
        # rest, and no event comes twice.
        due = evaluation_due(step, plan)
        if due and step > evaluated:
            parts = task.evaluate(learner.model)
            try:
                while True:
                    share = next(parts)
                    yield from listen((yield Evaluating(step, share)))
            except StopIteration as finished:
                result = finished.value
            if not math.isfinite(result.loss):
                raise diverged(step, result.loss, learner.learning_rate)
            evaluated = step
            told = Evaluated(
                step,
                result.loss,
                result.bits_per_char,
                seconds,
                characters=None if result.whole else result.characters,
                train_loss=task.train_loss(learner.model) if plan.training.noisy else None,
                scores=result.scores,
                old_loss=old.loss(learner.model) if old is not None else None,
            )
            yield from listen((yield told))
        if (due or step == 0) and step > sampled:
            text = task.sample(learner.model)
            sampled = step
            yield from listen((yield Sample(step, text)))
            yield from listen((yield checkpoint(replay=step in replayed)))
        elif step in replayed:
            yield from listen((yield checkpoint()))
        if step >= plan.steps:
            return

        began = time.perf_counter()
        taken = learner.step(step)
        step += 1
        reachable = step in replayed or evaluation_due(step, plan)  # the page can go there
        layer_norms = learner.layer_norms() if reachable else ()
        seconds += time.perf_counter() - began
        yield from listen((yield Step(step, *taken, seconds, layer_norms)))


def evaluation_due(step: int, plan: Plan) -> bool:
    """Whether the whole validation split is evaluated after `step` steps: at intervals, and at the end.

    Also at the beginning of a run that starts from another: that is what the other can do.
    """
    if step == 0:
        return plan.start.tunes
    return step == plan.steps or step % plan.evaluate_every == 0


def replay_steps(plan: Plan) -> frozenset[int]:
    """The steps whose weights are kept for replay: 0, 10, 20, 50, 100 … as learning slows, the last.

    All of a short run: of up to ten steps, of up to twenty if it counts (`Training.all_kept`).
    """
    if plan.steps <= plan.training.all_kept:
        return frozenset(range(plan.steps + 1))
    spread = {m * 10**e for e in range(1, 7) for m in (1, 2, 5) if m * 10**e < plan.steps}
    quarters = {plan.steps * part // 4 for part in (1, 2, 3, 4)}
    return frozenset(spread | quarters | {0})
