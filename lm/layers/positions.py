"""Rotary positions: rotate queries and keys by an angle that grows with the position (Su et al. 2021).

The numbers of a head are taken in pairs, each a point in the plane. At position t, pair i is rotated by t · θᵢ:
fast for the first pairs, slowly for the last. The product of a query and a key then depends on their positions
only through their distance. Nothing is learned.

A pair is two neighbours here. Llama pairs the first half of a head's numbers with the second; `lm/interchange/`
reorders the rows of its query and key matrices, which gives the same products.
"""

import torch
from torch import Tensor, nn

BASE = 10_000.0  # the slowest pair takes at most 2π · BASE positions for one turn; others for long texts


class RotaryPositions(nn.Module):
    """The rotations of all positions up to `context_length`, for heads of `head_size` numbers (even)."""

    rotations: Tensor  # (context_length, head_size / 2) complex numbers of length 1

    def __init__(self, head_size: int, context_length: int, base: float = BASE) -> None:
        super().__init__()
        speeds = base ** (-torch.arange(0, head_size, 2) / head_size)  # θ (D / 2,)
        angles = torch.arange(context_length)[:, None] * speeds  # (T, D / 2)
        rotations = torch.polar(torch.ones_like(angles), angles)
        self.register_buffer("rotations", rotations, persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """x (..., T, D), rows at positions `start`, `start + 1`, …, each rotated by its position."""
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # (..., T, D / 2)
        rotated = pairs * self.rotations[start : start + x.shape[-2]]
        return torch.view_as_real(rotated).flatten(-2).to(x.dtype)

    def at(self, places: Tensor, x: Tensor) -> Tensor:
        """x (..., n, D), rows at the positions `places` (n,), each rotated by its position."""
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # (..., n, D / 2)
        return torch.view_as_real(pairs * self.rotations[places]).flatten(-2).to(x.dtype)
