"""Masks: which positions a position may look at, as data that is added to the attention scores.

A mask is a tensor (T, T) in float32. Row t, column s is 0 where position t may look at position s and −∞
where it may not: the softmax turns −∞ into a weight of exactly 0. The page draws this tensor, so it shows any
mask.

Patterns leave most of a long past out (`windowed`, `strided`, `dilated`, `sinks_and_window`), or open a part of
it (`prefix`). They go by distance, so they hide as much after a position as before it; `causal=True` hides all
that comes after.

Lines of different lengths are read as one batch by filling the shorter ones with `PADDING` at their ends.
Padding is no token; nobody may look at it.
"""

import torch
from torch import Tensor

from lm.errors import SettingsProblem

PADDING = -1  # in the place of a token id


def causal(length: int) -> Tensor:
    """(T, T): each position may look at itself and at all before it."""
    return torch.full((length, length), float("-inf")).triu(1)


def open_mask(length: int) -> Tensor:
    """(T, T): each position may look at all, also at those after it."""
    return torch.zeros(length, length)


def windowed(length: int, window: int, *, causal: bool = True) -> Tensor:
    """(T, T): each position may look at the `window` nearest ones, itself included.

    Beltagy et al. 2020, "Longformer"; Mistral 7B (Jiang et al. 2023) looks back 4,096 tokens in each layer.
    After L layers, a position knows of L · (window − 1) positions before it.
    """
    return _where(distances(length).abs() < window, causal)


def strided(length: int, stride: int, *, causal: bool = True) -> Tensor:
    """(T, T): each position may look at the `stride` nearest ones, and beyond these at each `stride`-th.

    Child et al. 2019, "Generating long sequences with sparse transformers", section 4.2, where some heads do
    the first and others the second; here each head may do both. Two layers reach every position.
    """
    apart = distances(length).abs()
    return _where((apart < stride) | (apart % stride == 0), causal)


def dilated(length: int, window: int, stride: int, *, causal: bool = True) -> Tensor:
    """(T, T): a window with gaps: each position may look at `window` ones, `stride` apart, itself included.

    Beltagy et al. 2020, section 3.1, after the dilated convolutions of WaveNet (van den Oord et al. 2016).
    Alone, it connects only positions whose distance is a multiple of `stride`.
    """
    apart = distances(length).abs()
    return _where((apart % stride == 0) & (apart < window * stride), causal)


def sinks_and_window(length: int, sinks: int, window: int, *, causal: bool = True) -> Tensor:
    """(T, T): as `windowed`, and each position may also look at the first `sinks` ones.

    Xiao et al. 2023, "Efficient streaming language models with attention sinks": the weights of a row sum to 1,
    and a head that has nothing to look for puts them on the first tokens.
    """
    first = torch.arange(length) < sinks  # (T,) of columns
    return _where((distances(length).abs() < window) | first, causal)


def prefix(length: int, prefix: int) -> Tensor:
    """(T, T): all look back, and the first `prefix` positions may look at one another, in both directions.

    Liu et al. 2018, "Generating Wikipedia by summarizing long sequences"; the prefix LM of Raffel et al. 2020
    ("T5"). But for the last of them, these positions see the token that they would predict.
    """
    first = torch.arange(length) < prefix  # (T,) of columns
    return _where((distances(length) >= 0) | first, causal=False)


def distances(length: int) -> Tensor:
    """(T, T): how far column s lies before row t; negative after it."""
    places = torch.arange(length, dtype=torch.int32)
    return places[:, None] - places


def _where(seen: Tensor, causal: bool) -> Tensor:
    """A mask of what is seen, (T, T) bool, without what comes after a position if it is causal."""
    if causal:
        seen = seen.tril()
    return torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))


def refuse_blind(mask: Tensor) -> Tensor:
    """The mask; `SettingsProblem` if a position may look at nothing, not even at itself."""
    blind = ~allowed(mask).any(dim=-1)
    if blind.any():
        raise SettingsProblem(
            f"Position {int(blind.nonzero()[0]) + 1} of the context may look at nothing, and the softmax of "
            "nothing is no number: let each position look at itself."
        )
    return mask


def padding_mask(tokens: Tensor) -> Tensor:
    """Tokens (B, S) to the mask of their own, (B, 1, 1, S): no position, of any head, may look at padding."""
    hidden = torch.zeros(tokens.shape, device=tokens.device).masked_fill(
        tokens == PADDING, float("-inf")
    )
    return hidden[:, None, None, :]


def allowed(mask: Tensor) -> Tensor:
    """(T, T) bool: True where a position may look."""
    return mask > float("-inf")


def looks_ahead(mask: Tensor) -> bool:
    """Whether any position may look at a later one."""
    return bool(allowed(mask).triu(1).any())
