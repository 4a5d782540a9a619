"""The loss by position in the context: does a model use the far past?

The first prediction in a window is made from one token, the last from a whole context. A model that uses its
past has a lower loss the further it looks back; where the losses stay level, what lies further back is of no
use to it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.errors import SettingsProblem
from lm.evaluation import MOST_TOKENS, evaluation_mode
from lm.given import given_to

AT_ONCE = 4096  # tokens that are read at once
BAR = 40  # characters of the longest bar


@dataclass(frozen=True)
class Positions:
    """The mean loss, in nats per token, of the predictions at positions first to last, counted from 1."""

    first: int
    last: int
    loss: float


@torch.inference_mode()
def by_position(model: nn.Module, tokens: Tensor, context_length: int) -> np.ndarray:
    """(T,): the mean loss at each position of windows of tokens (N,), in nats per token; NaN where none counts.

    Windows of the context length, one after the other; of many tokens, spread evenly. `SettingsProblem` if
    there is no whole window.
    """
    T = context_length
    if len(tokens) < T + 1:
        raise SettingsProblem(
            f"The validation text has {len(tokens):,} tokens, and a window of the context {T + 1:,}: a loss by "
            "position needs a longer text."
        )
    windows = tokens.unfold(0, T + 1, T)  # (n, T + 1)
    windows = windows[:: math.ceil(len(windows) * T / MOST_TOKENS)]
    total = torch.zeros(T, dtype=torch.float64)
    with evaluation_mode(model):
        for some in windows.split(max(1, AT_ONCE // T)):
            logits = model(some[:, :-1])  # (n, T, V)
            losses = F.cross_entropy(
                logits.transpose(1, 2), some[:, 1:], reduction="none"
            )  # (n, T)
            total += losses.cpu().double().sum(0)
    found = (total / len(windows)).numpy()
    found[: given_to(model)] = np.nan
    return found


def doubling(losses: np.ndarray) -> list[Positions]:
    """Losses (T,) by position in groups: 1, 2, 3–4, 5–8 and so on, each twice as far back; those that count."""
    found, first = [], 1
    while first <= len(losses):
        last = min(len(losses), 1 if first == 1 else 2 * (first - 1))
        group = losses[first - 1 : last]
        if not np.isnan(group).any():
            found.append(Positions(first, last, float(group.mean())))
        first = last + 1
    return found


def drawn(losses: np.ndarray) -> list[str]:
    """Losses (T,) by position as lines of text, with a bar for each group."""
    groups = doubling(losses)
    highest = max(group.loss for group in groups)
    lines = []
    for group in groups:
        name = f"{group.first:,}–{group.last:,}" if group.last > group.first else f"{group.first:,}"
        lines.append(f"  {name:>13}  {group.loss:.3f}  {'█' * round(BAR * group.loss / highest)}")
    return lines
