"""LoRA: leave a weight matrix as it is, and learn a small change of it (Hu et al. 2021).

A model that knows a language needs little to learn an author. So W (out × in) stays frozen, and its change is
the product of two thin matrices: B (out × r) times A (r × in), with a rank r of 8, say. They have
r · (in + out) numbers instead of in · out.

    y = x Wᵀ + (α / r) · x Aᵀ Bᵀ

A is random and B is zero, so that the model is exactly the old one at first: every change is learned. Dividing
α by r keeps the size of the change about the same if only the rank is changed. At the end both can be added
up, W + (α / r) B A, and the model is as fast as before (`merged`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

DOWN, UP = ".down", ".up"  # follow the name of an adapted layer: A and B in a snapshot


class LoRA(nn.Module):
    """A linear layer that stays as it is, and the two matrices that learn."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.scale = alpha / rank
        out, into = linear.weight.shape
        self.down = nn.Parameter(torch.randn(rank, into) / into**0.5)  # A
        self.up = nn.Parameter(torch.zeros(out, rank))  # B

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) to (..., out)."""
        change = x @ self.down.T @ self.up.T  # (..., r), then (..., out): W's size is never made
        return self.linear(x) + self.scale * change


def merged(
    weights: Mapping[str, Tensor], learned: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """The weights of a model with what LoRA learned added: W + scale · B A for each adapted layer.

    learned: A under "LAYER.down" and B under "LAYER.up". `KeyError` if a matrix of them is missing.
    """
    result = dict(weights)
    for layer in (name.removesuffix(UP) for name in learned if name.endswith(UP)):
        change = learned[layer + UP] @ learned[layer + DOWN]  # (out, in)
        result[f"{layer}.weight"] = weights[f"{layer}.weight"] + scale * change
    return result
