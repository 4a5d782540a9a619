"""Cross-attention: one sequence asks, another answers (Vaswani et al. 2017, section 3.2.3).

The query comes from the line that is being written, key and value from the line that was read. All else is the
attention of `attention.py`: softmax(Q Kᵀ / √D + mask) V. The only mask is that of padding, because all of the
line that was read may be looked at. Its keys and values do not change while the other line grows, so they are
computed once (`keys_values`).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lm.layers.attention import attention_weights, float32_on_cpu
from lm.layers.norms import rms_norm


class CrossAttention(nn.Module):
    """softmax(Q Kᵀ / √D + mask) V for each of H heads, then a projection; K and V of another sequence."""

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        bias: bool = True,
        qk_norm: bool = False,
        scaled: bool = True,
    ) -> None:
        super().__init__()
        self.n_head = n_head
        self.qk_norm = qk_norm
        self.scaled = scaled
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key_value = nn.Linear(n_embd, 2 * n_embd, bias=False)
        self.projection = nn.Linear(n_embd, n_embd, bias=bias)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, padding: Tensor) -> Tensor:
        """x (B, T, C) to what it finds in the other sequence, (B, T, C).

        keys, values: (B, H, S, D), from `keys_values`. padding: (B, 1, 1, S), the mask of that sequence.
        """
        q = self.queries(x)  # (B, H, T, D)
        mask = padding.expand(-1, -1, q.shape[2], -1)  # (B, 1, T, S)
        scale = None if self.scaled else 1.0  # None: 1 / √D
        with float32_on_cpu(x.device):
            found = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=scale)
        return self.projection(found.transpose(1, 2).flatten(2))

    def queries(self, x: Tensor) -> Tensor:
        """x (B, T, C) to queries (B, H, T, D) with D = C / H."""
        q = self._heads(self.query(x).to(x.dtype))  # autocast may have made it bfloat16
        return rms_norm(q) if self.qk_norm else q

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The other sequence (B, S, C) to its keys and values, (B, H, S, D) each."""
        keys, values = self.key_value(memory).to(memory.dtype).chunk(2, dim=-1)  # (B, S, C) each
        keys, values = self._heads(keys), self._heads(values)
        return rms_norm(keys) if self.qk_norm else keys, values

    def value_matrices(self) -> Tensor:
        """The matrices that make the values, (H, D, C), a view of the weights."""
        return self.key_value.weight.unflatten(0, (2, self.n_head, -1))[1]

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, H, T, D)."""
        return x.unflatten(-1, (self.n_head, -1)).transpose(1, 2)


def cross_pattern(part: CrossAttention, x: Tensor, keys: Tensor, padding: Tensor) -> Tensor:
    """The attention weights (B, H, T, S) of a part for the arguments of its `forward`."""
    return attention_weights(part.queries(x), keys, padding, scaled=part.scaled)
