"""The feed-forward part of a block: the same small network at each position.

Attention moves information between positions but only averages it. Here each position is widened fourfold,
passed through an *activation*, and narrowed again. So a widened number can detect a combination that no average
shows, such as "a *q* with a space before it". The activations:

- ReLU, max(0, x): the simplest that works.
- GELU, x · Φ(x): a ReLU without the corner (Hendrycks & Gimpel 2016); GPT-2's choice.
- squared ReLU, max(0, x)²: as cheap, and learns faster (So et al. 2021).
- SwiGLU, SiLU(g) · x: one half of the widened numbers gates the other half (Shazeer 2020). The two halves are
  8/3 of C wide, so that it has as many weights as the others.

Models that others trained choose the width themselves (`wide`), gate with any activation (`gated`), and have
two more: GELU in GPT-2's approximation by tanh, and SiLU, x · sigmoid(x).
"""

import math
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "gelu", "squared_relu", "swiglu"]
PretrainedActivation = Literal["relu", "gelu", "gelu_tanh", "squared_relu", "silu"]


class FeedForward(nn.Module):
    """C → 4C → activation → C, the same for every position."""

    def __init__(
        self,
        n_embd: int,
        activation: Activation | PretrainedActivation = "relu",
        bias: bool = True,
        *,
        wide: int | None = None,
        gated: bool = False,
    ) -> None:
        """wide: numbers between the matrices, if not as many as usual. gated: twice as many, one half gates."""
        super().__init__()
        self.gated = gated or activation == "swiglu"
        self.activation = "silu" if activation == "swiglu" else activation
        wide = wide or (math.ceil(8 * n_embd / 3) if self.gated else 4 * n_embd)
        self.widen = nn.Linear(n_embd, 2 * wide if self.gated else wide, bias=bias)
        self.narrow = nn.Linear(wide, n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to (B, T, C)."""
        x = self.widen(x)  # (B, T, 4C)
        if self.gated:
            gate, value = x.chunk(2, dim=-1)
            return self.narrow(activate(self.activation, gate) * value)
        return self.narrow(activate(self.activation, x))


def activate(activation: str, x: Tensor) -> Tensor:
    """The widened numbers after the activation."""
    if activation == "relu":
        return F.relu(x)
    if activation == "gelu":
        return F.gelu(x)
    if activation == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    if activation == "squared_relu":
        return F.relu(x).square()
    return F.silu(x)
