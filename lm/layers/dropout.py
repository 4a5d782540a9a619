"""Dropout (Srivastava et al. 2014): silence a share of the numbers at random while training.

A part that cannot rely on any single number learns redundant, more general features. Which numbers are
silenced is decided by one random byte each, drawn eight at a time: with a random number each, as torch does
it, the drawing would take a tenth of a training step on a CPU. The share is so a multiple of 1/256.
"""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """In training, 0 with probability `share`, else x / (1 - share); otherwise x."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.silenced = round(share * 256)  # of the 256 values of a byte

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape to the same shape."""
        if not (self.training and self.silenced):
            return x
        kept = (_random_bytes(x) >= self.silenced).float()
        return x * kept.mul_(256 / (256 - self.silenced))


def _random_bytes(x: Tensor) -> Tensor:
    """A byte for each number of x, in its shape and on its device."""
    if x.device.type != "cpu":  # there a byte each is quick, and not every device draws whole words
        return torch.randint(256, x.shape, dtype=torch.uint8, device=x.device)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.uint8)[: x.numel()].view(x.shape)
