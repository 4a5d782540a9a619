"""The learning-rate schedule: a warm-up, a hold, then a decay."""

import math

from lm.training.config import TrainingConfig


def learning_rate_factor(step: int, training: TrainingConfig) -> float:
    """The factor of the peak learning rate at `step` (from 0): above 0, at most 1."""
    if step < training.warmup_steps:
        return (step + 1) / (training.warmup_steps + 1)
    after = training.steps - training.warmup_steps
    decay_begins = training.warmup_steps + int(training.hold * after)
    remaining = max(training.steps - decay_begins, 1)
    # The last step, and any after it, has a rate above 0 as well, or it would change nothing.
    done = min(max(step - decay_begins, 0) / remaining, 1 - 1 / remaining)
    final = training.final_learning_rate
    if training.decay == "linear":
        return final + (1 - final) * (1 - done)
    if training.decay == "cosine":
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
    return 1.0
