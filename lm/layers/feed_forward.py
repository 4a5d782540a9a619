"""The feed-forward part of a block: each position thinks over what it has gathered, alone.

Attention moves information between positions but only ever averages it. Here each position is widened
fourfold, bent (ReLU), and brought back: the place where "after *q* comes *u*" can be stored.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """C → 4C → ReLU → C, the same for every position."""

    def __init__(self, n_embd: int) -> None:
        super().__init__()
        self.widen = nn.Linear(n_embd, 4 * n_embd)
        self.narrow = nn.Linear(4 * n_embd, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to (B, T, C)."""
        return self.narrow(F.relu(self.widen(x)))  # through (B, T, 4C)
