"""Masks: which positions a position may look at, as data that is added to the attention scores.

A mask is a tensor (T, T) in float32. Row t, column s is 0 where position t may look at position s and −∞
where it may not: the softmax turns −∞ into a weight of exactly 0. The page draws this tensor, so it shows any
mask.
"""

import torch
from torch import Tensor


def causal(length: int) -> Tensor:
    """(T, T): each position may look at itself and at all before it."""
    return torch.full((length, length), float("-inf")).triu(1)


def open_mask(length: int) -> Tensor:
    """(T, T): each position may look at all, also at those after it."""
    return torch.zeros(length, length)


def allowed(mask: Tensor) -> Tensor:
    """(T, T) bool: True where a position may look."""
    return mask > float("-inf")


def looks_ahead(mask: Tensor) -> bool:
    """Whether any position may look at a later one."""
    return bool(allowed(mask).triu(1).any())
