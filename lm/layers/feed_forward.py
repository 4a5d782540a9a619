"""The feed-forward part of a block: the same small network at each position.

Attention moves information between positions but only averages it. Here each position is widened fourfold,
passed through an *activation*, and narrowed again. So a widened number can detect a combination that no average
shows, such as "a *q* with a space before it". The activations:

- ReLU, max(0, x): the simplest that works.
- GELU, x · Φ(x): a ReLU without the corner (Hendrycks & Gimpel 2016); GPT-2's choice.
- squared ReLU, max(0, x)²: as cheap, and learns faster (So et al. 2021).
- SwiGLU, SiLU(g) · x: one half of the widened numbers gates the other half (Shazeer 2020). The two halves are
  8/3 of C wide, so that it has as many weights as the others.
"""

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "gelu", "squared_relu", "swiglu"]


class FeedForward(nn.Module):
    """C → 4C → activation → C, the same for every position."""

    def __init__(self, n_embd: int, activation: Activation = "relu", bias: bool = True) -> None:
        super().__init__()
        self.activation = activation
        wide = 4 * n_embd if activation != "swiglu" else math.ceil(8 * n_embd / 3)
        self.widen = nn.Linear(n_embd, wide if activation != "swiglu" else 2 * wide, bias=bias)
        self.narrow = nn.Linear(wide, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to (B, T, C)."""
        return self.narrow(activate(self.activation, self.widen(x)))  # through (B, T, 4C)


def activate(activation: Activation, x: Tensor) -> Tensor:
    """The widened numbers (..., 4C) after the activation; SwiGLU halves their number."""
    if activation == "relu":
        return F.relu(x)
    if activation == "gelu":
        return F.gelu(x)
    if activation == "squared_relu":
        return F.relu(x).square()
    gate, value = x.chunk(2, dim=-1)
    return F.silu(gate) * value
