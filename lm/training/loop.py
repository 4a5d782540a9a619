"""The training loop, as a generator of events.

`train(plan, data)` hands back control after every step, with an event that says what happened. Whoever calls
it decides what that means: print it, write it to a run directory, draw it. Not asking for the next event is a
pause, asking for one is a single step, `close()` is a stop, and `send(command)` changes the learning rate
or asks for a checkpoint. The loop itself prints nothing, writes nothing and knows of no page.

Each step seeds the random numbers it needs (which windows of the text, which dropout masks) from the run's
seed and its own number. A run resumed from a checkpoint therefore equals one that was never interrupted,
bit for bit on a CPU with the same number of threads.
"""

import math
import time
from collections.abc import Generator

import numpy as np
import torch
from torch import nn

from lm.devices import device_of, one_thread
from lm.errors import SettingsProblem
from lm.evaluation import evaluate_in_parts
from lm.generation import SamplingConfig, generate
from lm.plan import Plan
from lm.tokenizers import Tokenizer
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
from lm.training.learners import Data, make_learner, ran_away

SAMPLE = SamplingConfig(temperature=0.8, max_new_tokens=160, seed=1)  # the diary's handwriting


def train(
    plan: Plan,
    data: Data,
    *,
    device: str = "cpu",
    resume: Checkpoint | None = None,
) -> Generator[Event, Command | None, None]:
    """Train a fresh model (or go on from `resume`) until `plan.steps`.

    Raises `SettingsProblem` when the text is too short for the plan, and `Diverged` when the loss is no
    longer a number or stays far above knowing nothing.
    """
    check_fits(plan, len(data.train), len(data.validation))
    torch.set_flush_denormal(True)
    learner = make_learner(plan, data, device)
    model, T, validation = learner.model, plan.context_length, data.validation.to(device)
    step, evaluated, sampled, seconds, replayed = 0, 0, -1, 0.0, replay_steps(plan)
    if resume is not None:
        learner.restore(resume)
        step, evaluated, sampled = resume.step, resume.evaluated, resume.sampled
        seconds = resume.seconds

    def checkpoint(replay: bool = True) -> Checkpoint:
        return Checkpoint(
            step=step,
            evaluated=evaluated,
            sampled=sampled,
            seconds=seconds,
            learning_rate=learner.peak,
            weights=model.state_dict(),
            optimizer=learner.memory() if step else {},  # at first it has nothing to remember
            replay=replay,
        )

    def listen(command: Command | None) -> Generator[Event, Command | None, None]:
        while command is not None:
            if isinstance(command, TakeCheckpoint):
                command = yield checkpoint()
            elif command.learning_rate != learner.peak:
                learner.peak = command.learning_rate
                command = yield LearningRateChanged(step, learner.peak)
            else:
                return

    while True:
        # Each part is marked as done before it is told: a checkpoint taken in between is resumed
        # with the rest, and nothing is told twice.
        due = evaluation_due(step, plan)
        if due and step > evaluated:
            parts = evaluate_in_parts(model, validation, T)
            try:
                while True:
                    share = next(parts)
                    yield from listen((yield Evaluating(step, share)))
            except StopIteration as finished:
                result = finished.value
            if not math.isfinite(result.loss):
                raise ran_away(step, result.loss, learner.peak)
            evaluated = step
            yield from listen((yield Evaluated(step, result.loss, result.bits_per_char, seconds)))
        if (due or step == 0) and step > sampled:
            written = sample(model, data.tokenizer, T, step)
            sampled = step
            yield from listen((yield written))
            yield from listen((yield checkpoint(replay=step in replayed)))
        elif step in replayed:
            yield from listen((yield checkpoint()))
        if step >= plan.steps:
            return

        began = time.perf_counter()
        loss, learning_rate, norm = learner.step(step)
        step += 1
        seconds += time.perf_counter() - began
        yield from listen((yield Step(step, loss, learning_rate, norm, seconds)))


def sample(model: nn.Module, tokenizer: Tokenizer, context_length: int, step: int) -> Sample:
    """A short text from a model in training, begun at the start of a line."""
    start = torch.from_numpy(first_token(tokenizer)).to(device_of(model))
    with one_thread():
        written = [token.id for token in generate(model, start, context_length, SAMPLE)]
    return Sample(step, tokenizer.decode(np.array(written)))


def first_token(tokenizer: Tokenizer) -> np.ndarray:
    """What to begin a text with, (1,): a line end, or the first token where the text has none."""
    known, _ = tokenizer.encode_known("\n")
    return known[:1] if len(known) else np.zeros(1, dtype=np.int64)


def check_fits(plan: Plan, train_tokens: int, validation_tokens: int) -> None:
    """Raise a `SettingsProblem` if the text is too short for the plan's context."""
    if min(train_tokens, 10 * validation_tokens) < plan.context_length + 2:
        raise SettingsProblem(
            f"A context of {plan.context_length:,} characters does not fit into a text of "
            f"{train_tokens + validation_tokens:,}: choose a shorter context or a longer text."
        )


def evaluation_due(step: int, plan: Plan) -> bool:
    """Whether the whole validation split is read after `step` steps: at intervals, and at the end."""
    return step == plan.steps or (step > 0 and step % plan.evaluate_every == 0)


def replay_steps(plan: Plan) -> frozenset[int]:
    """The steps whose weights are kept for replay: 0, 10, 20, 50, 100 … as learning slows, the last.

    Of a run of up to ten steps, all.
    """
    if plan.steps <= 10:
        return frozenset(range(plan.steps + 1))
    spread = {m * 10**e for e in range(1, 7) for m in (1, 2, 5) if m * 10**e < plan.steps}
    quarters = {plan.steps * part // 4 for part in (1, 2, 3, 4)}
    return frozenset(spread | quarters | {0})
