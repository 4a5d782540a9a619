"""Multi-head causal self-attention, as in rung 3, arranged for speed.

The mathematics is that of `lm/models/multi_head_attention.py`, which spells it out. What differs: query,
key and value come out of one matrix product, and the weights are never written to memory
(`scaled_dot_product_attention` picks a fused kernel). `attention_weights` computes them in the open when
somebody wants to look; a test holds the two equal.

Two options change what is compared. *Rotary positions* turn queries and keys by their place (`positions.py`).
*Query-key norm* brings both to length √D, so that a score is the cosine of an angle times √D and cannot grow
without bound (Henry et al. 2020); training then stands higher learning rates.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.layers.cache import LayerCache
from lm.layers.norms import rms_normalised
from lm.layers.positions import RotaryPositions


class CausalSelfAttention(nn.Module):
    """softmax(Q Kᵀ / √D, future masked) V for each of H heads, then a projection."""

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        bias: bool = True,
        rotary: RotaryPositions | None = None,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        self.n_head = n_head
        self.rotary = rotary
        self.qk_norm = qk_norm
        self.query_key_value = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.projection = nn.Linear(n_embd, n_embd, bias=bias)

    def split(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, C) to query, key and value, each (B, H, T, D) with D = C / H."""
        B, T, C = x.shape
        heads = self.query_key_value(x).to(x.dtype)  # which bfloat16 may have rounded
        heads = heads.view(B, T, 3, self.n_head, C // self.n_head)
        if self.rotary is None and not self.qk_norm:
            query, key, value = heads.permute(2, 0, 3, 1, 4).unbind()
            return query, key, value
        compared, value = heads.split([2, 1], dim=2)  # (B, T, 2, H, D) and (B, T, 1, H, D)
        if self.rotary is not None:
            compared = self.rotary(compared, start)
        if self.qk_norm:
            compared = rms_normalised(compared)
        query, key = compared.permute(2, 0, 3, 1, 4).unbind()
        return query, key, value.squeeze(2).transpose(1, 2)

    def attention_weights(self, x: Tensor) -> Tensor:
        """x (B, T, C) to weights (B, H, T, T): row t says how much t takes from each position."""
        T = x.shape[1]
        q, k, _ = self.split(x)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5  # (B, H, T, T)
        past = scores.new_ones(T, T).tril().bool()
        return scores.masked_fill(~past, float("-inf")).softmax(dim=-1)

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        """x (B, T, C) to what the heads gathered together, (B, T, C).

        With a cache, x continues the text that the cache holds, and is added to it.
        """
        before = cache.length if cache is not None else 0
        q, k, v = self.split(x, before)
        if cache is not None:
            k, v = cache.extend(k, v)
        past, T = None, x.shape[1]
        if before and T > 1:  # row t sees the cache and the new positions up to its own
            past = torch.ones(T, before + T, dtype=torch.bool, device=x.device).tril(before)
        with _in_float32(x.device):
            found = F.scaled_dot_product_attention(
                q, k, v, attn_mask=past, is_causal=not before and T > 1
            )  # (B, H, T, D)
        return self.projection(found.transpose(1, 2).reshape(x.shape))


def _in_float32(device: torch.device) -> AbstractContextManager[Any]:
    """Keeps bfloat16 out of attention on a CPU, where its fused kernel is several times slower with it."""
    if device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return torch.autocast("cpu", enabled=False)
    return nullcontext()
