"""Norms: bring each position's numbers to a common size before a part reads them.

Layer norm (Ba et al. 2016) takes off the mean, divides by the spread, then scales and shifts by learned
numbers. RMS norm (Zhang & Sennrich 2019) only divides by the root of the mean square; here it has nothing to
learn, since the matrix that reads it can scale its inputs itself. It is written as one function with its own
gradient: made of single operators it would take three times as long.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

Norm = Literal["layer", "rms"]
EPSILON = 1e-6  # keeps a row of zeros from being divided by 0


class RMSNorm(nn.Module):
    """x / √(mean of x² over the last dimension)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (..., C) to the same shape, each row of length √C."""
        return rms_normalised(x)


def make_norm(kind: Norm, size: int, bias: bool = True) -> nn.Module:
    """The norm of that kind for rows of `size` numbers."""
    return RMSNorm() if kind == "rms" else nn.LayerNorm(size, bias=bias)


def rms_normalised(x: Tensor) -> Tensor:
    """x (..., D) with each row divided by its root mean square."""
    return _RMSNormalised.apply(x)


class _RMSNormalised(torch.autograd.Function):
    """y = x / r, so dx = (dy - y · mean(y dy)) / r: what would change the row's size has no effect."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # r √D
        inverse = size.clamp_min_(EPSILON).reciprocal_().mul_(x.shape[-1] ** 0.5)  # 1 / r
        y = x * inverse
        ctx.save_for_backward(y, inverse)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        y, inverse = ctx.saved_tensors
        along = (y * dy).mean(dim=-1, keepdim=True)
        return torch.addcmul(dy, y, along, value=-1).mul_(inverse)
