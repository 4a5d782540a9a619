"""The feed-forward part of a block: each position thinks over what it has gathered, alone.

Attention moves information between positions but only ever averages it. Here each position is widened
fourfold, bent by an *activation*, and brought back: the place where "after *q* comes *u*" can be stored.
Which activation:

- ReLU, max(0, x): the plainest that works.
- GELU, x · Φ(x): a ReLU without the corner (Hendrycks & Gimpel 2016); GPT-2's choice.
- squared ReLU, max(0, x)²: as cheap, and learns faster (So et al. 2021).
- SwiGLU, SiLU(g) · x: half of the widened numbers gate the other half (Shazeer 2020). It is widened to
  8/3 of C twice, so that it has as many weights as the others.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "gelu", "squared_relu", "swiglu"]


class FeedForward(nn.Module):
    """C → 4C → activation → C, the same for every position."""

    def __init__(self, n_embd: int, activation: Activation = "relu", bias: bool = True) -> None:
        super().__init__()
        self.activation = activation
        wide = 4 * n_embd if activation != "swiglu" else -(-8 * n_embd // 3)
        self.widen = nn.Linear(n_embd, wide if activation != "swiglu" else 2 * wide, bias=bias)
        self.narrow = nn.Linear(wide, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to (B, T, C)."""
        return self.narrow(self.bend(self.widen(x)))  # through (B, T, 4C)

    def bend(self, x: Tensor) -> Tensor:
        """The activation: widened numbers (..., 4C) to what `narrow` takes."""
        if self.activation == "relu":
            return F.relu(x)
        if self.activation == "gelu":
            return F.gelu(x)
        if self.activation == "squared_relu":
            return _SquaredReLU.apply(x)
        gate, value = x.chunk(2, dim=-1)
        return F.silu(gate) * value


class _SquaredReLU(torch.autograd.Function):
    """max(0, x)² and its gradient 2 max(0, x), in half the operators that autograd would use."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return (dy * positive).mul_(2)
