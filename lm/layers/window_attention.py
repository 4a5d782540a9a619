"""Attention in a window, without the scores that the mask would hide: a cost of T · window instead of T².

The text is cut into blocks of as many positions as the window. What a position may look at lies in its own
block and the one before, so each block attends to these two alone (Beltagy et al. 2020, "Longformer", section
3.2). Of what is computed, a half is masked; of full attention, nearly all is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Blocks and positions from which on it is faster (lm/EXPERIMENTS.md); shorter texts were not measured.
PAYS, LEAST = 8, 1024


def pays(length: int, window: int, device: torch.device) -> bool:
    """Whether a text of so many positions is read faster in blocks than with a mask; measured on a CPU only."""
    return device.type == "cpu" and length >= max(LEAST, PAYS * window)


def window_attention(
    q: Tensor, k: Tensor, v: Tensor, window: int, scale: float | None = None
) -> Tensor:
    """q, k, v (B, H, T, D) to (B, H, T, D): each position attends to the last `window` ones, itself included.

    scale: of the scores; 1 / √D if None.
    """
    B, H, T, D = q.shape
    W = window
    N = -(-T // W)  # blocks; the last one is filled with zeros, which nobody looks at
    q, k, v = (F.pad(each, (0, 0, 0, N * W - T)).reshape(B * H, N, W, D) for each in (q, k, v))
    k, v = with_block_before(k), with_block_before(v)  # (B · H, N, 2W, D)
    found = F.scaled_dot_product_attention(
        q, k, v, attn_mask=block_masks(N, W).to(q), scale=scale
    )  # (B · H, N, W, D)
    return found.view(B, H, N * W, D)[:, :, :T]


def with_block_before(x: Tensor) -> Tensor:
    """Blocks (…, N, W, D) to (…, N, 2W, D): each after the one before it, the first after zeros."""
    before = F.pad(x, (0, 0, 0, 0, 1, 0))[..., :-1, :, :]  # (…, N, W, D)
    return torch.cat([before, x], dim=-2)


def block_masks(blocks: int, window: int) -> Tensor:
    """(N, W, 2W): the mask of each block; only the first has nothing before it."""
    row, column = torch.arange(window)[:, None], torch.arange(2 * window)
    back = row + window - column  # (W, 2W), the distance from row to column
    hidden = ((back < 0) | (back >= window)).expand(blocks, -1, -1).clone()
    hidden[0, :, :window] = True
    return torch.zeros(hidden.shape).masked_fill(hidden, float("-inf"))
