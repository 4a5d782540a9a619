"""Rotary positions: turn queries and keys by an angle that grows with the position (Su et al. 2021).

The numbers of a head are taken in pairs, each a point in the plane; at position t, pair i is turned by
t · θᵢ, fast for the first pairs, slowly for the last. A product of a query and a key then depends on the
difference of their angles only: on how far apart they stand, not on where. Nothing is learned.
"""

import torch
from torch import Tensor, nn

BASE = 10_000.0  # the slowest pair makes one turn in about 2π · BASE positions


class RotaryPositions(nn.Module):
    """The angles of every position up to `context_length`, for heads of `head_size` numbers (even)."""

    turns: Tensor  # (context_length, head_size / 2) complex numbers of length 1

    def __init__(self, head_size: int, context_length: int) -> None:
        super().__init__()
        speeds = BASE ** (-torch.arange(0, head_size, 2) / head_size)  # θ (D / 2,)
        angles = torch.arange(context_length)[:, None] * speeds  # (T, D / 2)
        turns = torch.polar(torch.ones_like(angles), angles)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """x (B, T, ..., D), whose rows stand at `start`, `start + 1`, …, turned in place of position."""
        T = x.shape[1]
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))  # (B, T, ..., D / 2)
        shape = (T, *[1] * (pairs.ndim - 3), pairs.shape[-1])
        turned = pairs * self.turns[start : start + T].view(shape)
        return torch.view_as_real(turned).flatten(-2)
