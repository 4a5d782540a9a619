"""The loss of a run in one sentence: where it stands, what counting achieves, and whether it overfits.

Nothing is said that the numbers on the screen contradict. A model *overfits* if it has read the whole text, and
knows it better than text that it never read, while its loss on that other text has risen from its best or no
longer falls. Both losses are measured in the same way, so that dropout or noise in training does not hide it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

RISEN = 0.02  # nats above its best that a validation loss must be to have risen
KNOWS = 0.1  # nats that the training text must be better known than the other


def summary(
    *,
    validation: Mapping[str, Sequence[Any]],
    train_now: float | None = None,
    baselines: Mapping[str, float] | None = None,
    floor: float | None = None,
    ended: bool = False,
    passes: float = 1.0,
    sees_answers: bool = False,
) -> str:
    """The state of a run in one sentence.

    validation: columns "step" and "loss" in order, and "train": the loss on training text, judged in the same
    way, or None.  train_now: the smoothed loss of the batches.  ended: the run trains no more.  passes: over
    the training text so far.  sees_answers: a position may look at the token that it predicts.
    """
    steps, losses = list(validation.get("step", ())), list(validation.get("loss", ()))
    if not losses:
        if train_now is None or not math.isfinite(train_now):
            return "Nothing measured yet."
        return f"Train loss {train_now:.2f}; the first evaluation is still to come."
    last, best = losses[-1], min(losses)
    if sees_answers:
        return (
            f"Without a causal mask each position reads its own answer: a loss of {last:.2f} means nothing, "
            "and what it writes shows it."
        )
    risen = last > best + RISEN
    parts = [_direction(losses, risen, ended, int(steps[losses.index(best)]))]
    uniform = (baselines or {}).get("uniform", math.inf)
    ran_away = last > max(uniform, losses[0]) + RISEN
    if ran_away:
        parts.append(f"it has run away: to guess costs {uniform:.2f}")
    parts += _against_counting(steps, losses, best, baselines or {})
    if floor is not None:
        parts.append(f"{max(last - floor, 0):.2f} above the floor, which no model can beat")
    train = list(validation.get("train", ()))
    if train and train[-1] is not None and not ran_away and steps[-1] > 0:
        parts.append(_against_training(losses, train[-1], risen, passes))
    return "; ".join(parts) + "."


def _direction(losses: Sequence[float], risen: bool, ended: bool, best_step: int) -> str:
    last = losses[-1]
    start = f"Validation loss {'ended at ' if ended else ''}{last:,.2f}"
    if risen:
        return f"{start}, up from its best, {min(losses):.2f} at step {best_step:,}"
    if ended or len(losses) < 2:
        return start
    return f"{start} and {'falling' if _falls(losses) else 'level'}"


def _falls(losses: Sequence[float]) -> bool:
    """Whether the last evaluations went down."""
    return losses[-min(len(losses), 3)] - losses[-1] > 0.005


def _against_counting(
    steps: Sequence[float], losses: Sequence[float], best: float, baselines: Mapping[str, float]
) -> list[str]:
    beaten = [name for name, value in baselines.items() if best < value and name != "uniform"]
    ahead = [name for name, value in baselines.items() if best >= value and name != "uniform"]
    parts = []
    if beaten:
        name = min(beaten, key=baselines.__getitem__)
        first = next(s for s, loss in zip(steps, losses, strict=True) if loss < baselines[name])
        parts.append(f"it passed the {name} by step {int(first):,}")
    if ahead:
        name = max(ahead, key=baselines.__getitem__)
        same = round(best, 2) == round(baselines[name], 2)
        place = f"it is level with the {name}" if same else f"the {name} is still better"
        parts.append(f"{place}, {baselines[name]:.2f}")
    return parts


def _against_training(losses: Sequence[float], train: float, risen: bool, passes: float) -> str:
    """The loss on training text, and a verdict where there is one."""
    said = f"on training text {train:.2f}"
    if passes < 1:
        return f"{said}, of which it has not read all yet"
    knows = losses[-1] - train > KNOWS
    if knows and (risen or (len(losses) >= 3 and not _falls(losses))):
        return f"{said}: it is overfitting"
    return said if knows else f"{said}: no sign of overfitting"
