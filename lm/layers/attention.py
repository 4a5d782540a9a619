"""Multi-head causal self-attention, as in rung 3, arranged for speed.

The mathematics is that of `lm/models/multi_head_attention.py`, which spells it out. What differs: query,
key and value come out of one matrix product, and the weights are never written to memory
(`scaled_dot_product_attention` picks a fused kernel). `attention_weights` computes them in the open when
somebody wants to look; a test holds the two equal.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """softmax(Q Kᵀ / √D, future masked) V for each of H heads, then a projection."""

    def __init__(self, n_embd: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.query_key_value = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.projection = nn.Linear(n_embd, n_embd)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, C) to query, key and value, each (B, H, T, D) with D = C / H."""
        B, T, C = x.shape
        heads = self.query_key_value(x).view(B, T, 3, self.n_head, C // self.n_head)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        return q, k, v

    def attention_weights(self, x: Tensor) -> Tensor:
        """x (B, T, C) to weights (B, H, T, T): row t says how much t takes from each position."""
        T = x.shape[1]
        q, k, _ = self._split(x)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5  # (B, H, T, T)
        past = scores.new_ones(T, T).tril().bool()
        return scores.masked_fill(~past, float("-inf")).softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to what the heads gathered together, (B, T, C)."""
        q, k, v = self._split(x)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
        return self.projection(found.transpose(1, 2).reshape(x.shape))
