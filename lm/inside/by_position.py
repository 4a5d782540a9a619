"""The loss by position in the context: does a model use the far past?

The first prediction in a window is made from one token, the last from a whole context. A model that uses its
past has a lower loss the further it looks back; where the losses stay level, what lies further back is of no
use to it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import device_of
from lm.errors import SettingsProblem
from lm.evaluation import MOST_SCORES, MOST_TOKENS, evaluation_mode, rows_at_once
from lm.given import given_to

BAR = 40  # characters of the longest bar
QUARTERS = 4
SHORTEST = 2 * QUARTERS  # positions of which quarters can be compared


@dataclass(frozen=True)
class Positions:
    """The mean loss, in nats per token, of the predictions at positions first to last, counted from 1."""

    first: int
    last: int
    loss: float


@dataclass(frozen=True)
class ByPosition:
    """Losses by position, in nats per token, of the windows that are read so far.

    losses: (T,), their means; NaN where none counts. quarters: (n, 4), of each window the mean over each
    quarter of the positions that count. share: of the windows to be read.
    """

    losses: np.ndarray
    quarters: np.ndarray
    share: float

    @property
    def tokens(self) -> int:
        """How many predictions counted."""
        return len(self.quarters) * int(np.isfinite(self.losses).sum())


@torch.inference_mode()
def by_position(
    model: nn.Module, tokens: Tensor, context_length: int, vocab_size: int = 1
) -> Iterator[ByPosition]:
    """Read windows of tokens (N,), and yield the losses at their positions so far after each batch.

    Windows of the context length, one after the other; of many tokens, spread evenly. They are read in an order
    such that any part of them is a fair sample. vocab_size: as of `evaluate`. `SettingsProblem` if there is no
    whole window.
    """
    T = context_length
    if len(tokens) < T + 1:
        raise SettingsProblem(
            f"The validation text has {len(tokens):,} tokens, and a window of the context {T + 1:,}: a loss by "
            "position needs a longer text."
        )
    windows = tokens.unfold(0, T + 1, T)  # (N / T, T + 1)
    windows = windows[:: math.ceil(len(windows) * T / MOST_TOKENS)]  # (n, T + 1)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    given, where = given_to(model), device_of(model)
    total, quarters = torch.zeros(T, dtype=torch.float64), np.zeros((0, QUARTERS))
    with evaluation_mode(model):
        for some in order.split(rows_at_once(T, vocab_size)):
            read = windows[some.to(windows.device)].to(where).long()  # (rows, T + 1)
            scores = model(read[:, :-1]).transpose(1, 2)  # (rows, V, T)
            losses = F.cross_entropy(scores, read[:, 1:], reduction="none").cpu().double()
            total += losses.sum(0)
            parts = [part.mean(1) for part in losses[:, given:].tensor_split(QUARTERS, dim=1)]
            quarters = np.concatenate([quarters, torch.stack(parts, dim=1).numpy()])
            found = (total / len(quarters)).numpy()
            found[:given] = np.nan
            yield ByPosition(found, quarters, len(quarters) / len(windows))


def longest_window(context_length: int, vocab_size: int) -> int:
    """Positions of a window whose scores, (T, V), fit into the memory that an evaluation takes."""
    return min(context_length, max(SHORTEST, 4 * MOST_SCORES // vocab_size))


def verdict(found: ByPosition, characters_per_token: float = 1.0) -> str:
    """Whether a model uses its far past, in a sentence or two, with losses in nats per character.

    From the second quarter of the context on, all predictions are made from more than a quarter of it. So the
    last quarter's gain over the second is due to tokens further back than that. It counts as a gain if it is
    larger than the half-width of its 95 % interval.
    """
    counted = int(np.isfinite(found.losses).sum())
    given = len(found.losses) - counted
    if counted < SHORTEST:
        if given:
            few = f"only {counted} of {given + counted:,} positions count"
            return f"After the prefix, {few}: too few to compare."
        return f"A context of {len(found.losses)} tokens has no far past."
    first, _, _, last = found.quarters.mean(0) / characters_per_token
    where = "what follows the prefix" if given else "the context"
    told = f"Loss {first:.2f} in the first quarter of {where}, {last:.2f} in the last."
    gains = (found.quarters[:, 1] - found.quarters[:, 3]) / characters_per_token  # (n,)
    if len(gains) < 2:
        return f"{told} One window is too little to tell more."
    gain, margin = gains.mean(), 1.96 * gains.std(ddof=1) / len(gains) ** 0.5
    back = f"tokens more than {given + counted // QUARTERS:,} back"
    if gain > margin:
        return f"{told} From the second on it still falls, by {gain:.3f}: the model uses the far past, {back}."
    if gain < -margin:
        return f"{told} From the second on it rises, by {-gain:.3f}: with {back}, the model predicts worse."
    return (
        f"{told} From the second on it changes by {-gain:+.3f}, which can be chance (± {margin:.3f}): the "
        f"far past, {back}, is of no visible use."
    )


def doubling(losses: np.ndarray) -> list[Positions]:
    """Losses (T,) by position in groups: 1, 2, 3–4, 5–8 and so on, each twice as far back.

    Positions that do not count, those of a prefix, are left out: the first group begins after them.
    """
    given, last, found = int(np.isnan(losses).sum()), 0, []
    while last < len(losses):
        first, last = last + 1, min(len(losses), max(1, 2 * last))
        if last > given:
            first = max(first, given + 1)
            found.append(Positions(first, last, float(losses[first - 1 : last].mean())))
    return found


def name_of(group: Positions) -> str:
    """Its positions: "1", "3–4"."""
    return f"{group.first:,}–{group.last:,}" if group.last > group.first else f"{group.first:,}"


def drawn(losses: np.ndarray) -> list[str]:
    """Losses (T,) by position as lines of text, with a bar for each group."""
    groups = doubling(losses)
    highest = max(group.loss for group in groups)
    return [
        f"  {name_of(group):>13}  {group.loss:.3f}  {'█' * round(BAR * group.loss / highest)}"
        for group in groups
    ]
