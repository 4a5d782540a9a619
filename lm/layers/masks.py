"""Masks: which positions a position may look at, as data that is added to the attention scores.

A mask is a tensor (T, T) in float32. Row t, column s is 0 where position t may look at position s and −∞
where it may not: the softmax turns −∞ into a weight of exactly 0. The page draws this tensor, so it shows any
mask.

Lines of different lengths are read as one batch by filling the shorter ones with `PADDING` at their ends.
Padding is no token; nobody may look at it.
"""

import torch
from torch import Tensor

PADDING = -1  # in the place of a token id


def causal(length: int) -> Tensor:
    """(T, T): each position may look at itself and at all before it."""
    return torch.full((length, length), float("-inf")).triu(1)


def open_mask(length: int) -> Tensor:
    """(T, T): each position may look at all, also at those after it."""
    return torch.zeros(length, length)


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
