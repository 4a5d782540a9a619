"""The loss of a run in one sentence: where it stands, what counting achieves, and whether it overfits.

Nothing is said that the numbers on the screen contradict. A model *overfits* if it has read the whole text, and
knows it better than text that it never read, while its loss on that other text has risen from its best or no
longer falls. Both losses are measured in the same way, so that dropout or noise in training does not hide it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lm.wording import decimals_of

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
    uniform = (baselines or {}).get("uniform", math.inf)
    ran_away = last > max(uniform, losses[0]) + RISEN
    train = list(validation.get("train", ()))[-1:] if steps[-1] > 0 and not ran_away else []
    beaten, ahead = _around(best, baselines or {})
    told = [last, best if risen else last, ahead[1] if ahead else last, *filter(None, train)]
    decimals = decimals_of(told)

    parts = [_direction(losses, risen, ended, int(steps[losses.index(best)]), decimals)]
    if ran_away:
        parts.append(f"it has run away: to guess costs {uniform:.2f}")
    if beaten:
        first = next(s for s, loss in zip(steps, losses, strict=True) if loss < beaten[1])
        parts.append(f"it passed the {beaten[0]} by step {int(first):,}")
    if ahead:
        same = round(best, decimals) == round(ahead[1], decimals)
        place = f"it is level with the {ahead[0]}" if same else f"the {ahead[0]} is still better"
        parts.append(f"{place}, {ahead[1]:.{decimals}f}")
    if floor is not None:
        parts.append(f"{max(last - floor, 0):.2f} above the floor, which no model can beat")
    if train and train[0] is not None:
        parts.append(_against_training(losses, train[0], risen, passes, decimals))
    return "; ".join(parts) + "."


def _around(best: float, baselines: Mapping[str, float]) -> list[tuple[str, float] | None]:
    """The best counted baseline that a loss is below, and the worst that it is not, by name and loss."""
    counted = [(name, loss) for name, loss in baselines.items() if name != "uniform"]
    beaten = min((one for one in counted if best < one[1]), key=lambda one: one[1], default=None)
    ahead = max((one for one in counted if best >= one[1]), key=lambda one: one[1], default=None)
    return [beaten, ahead]


def _direction(
    losses: Sequence[float], risen: bool, ended: bool, best_step: int, decimals: int
) -> str:
    last = losses[-1]
    start = f"Validation loss {'ended at ' if ended else ''}{last:,.{decimals}f}"
    if risen:
        return f"{start}, up from its best, {min(losses):.{decimals}f} at step {best_step:,}"
    if ended or len(losses) < 2:
        return start
    return f"{start} and {'falling' if _falls(losses) else 'level'}"


def _falls(losses: Sequence[float]) -> bool:
    """Whether the last evaluations went down."""
    return losses[-min(len(losses), 3)] - losses[-1] > 0.005


def _against_training(
    losses: Sequence[float], train: float, risen: bool, passes: float, decimals: int
) -> str:
    """The loss on training text, and a verdict where there is one."""
    said = f"on training text {train:.{decimals}f}"
    if passes < 1:
        return f"{said}, which it has not yet read to its end"
    knows = losses[-1] - train > KNOWS
    if knows and (risen or (len(losses) >= 3 and not _falls(losses))):
        return f"{said}: it is overfitting"
    return said if knows else f"{said}: no sign of overfitting"
