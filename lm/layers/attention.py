"""Attention: the formula as a free function, and the module that the transformer blocks use.

`attention_weights` is the formula of the paper (Vaswani et al. 2017, section 3.2.1). `SelfAttention` computes
the same as `MultiHeadAttention` of rung 3 in less time: query, key and value come from one matrix product,
and `F.scaled_dot_product_attention` never writes the weights to memory. Tests hold all of them equal.

Two options change the scores. *Rotary positions* rotate queries and keys by their position (`positions.py`).
*Query-key norm* scales both to length √D, so that a score is √D times the cosine of an angle and cannot grow
without bound (Henry et al. 2020); training is then stable at higher learning rates.

Three more are for models that others trained (`lm/models/pretrained_transformer.py`). Biases of query, key and
value: GPT-2 has them. *Grouped* keys and values: several heads share one key and one value, so that the cache
of a long text is small (Ainslie et al. 2023). A head size of its own, where it is not C / H.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.layers.cache import LayerCache
from lm.layers.masks import causal
from lm.layers.norms import rms_norm
from lm.layers.positions import RotaryPositions
from lm.layers.rolling_cache import RollingLayerCache
from lm.layers.window_attention import pays, window_attention


def attention_weights(q: Tensor, k: Tensor, mask: Tensor, *, scaled: bool = True) -> Tensor:
    """softmax(Q Kᵀ / √D + mask): q (..., T, D), k (..., S, D), mask (T, S) to weights (..., T, S).

    Row t of the result holds the share that position t takes from each position; it sums to 1. A product of two
    vectors of D independent numbers of mean 0 and variance 1 has variance D; divided by √D it has variance 1,
    so the softmax starts soft and every position gets a gradient. `scaled=False` leaves the division out, to
    show what it is for.
    """
    scores = q @ k.transpose(-2, -1)  # (..., T, S)
    if scaled:
        scores = scores / q.shape[-1] ** 0.5
    return (scores + mask).softmax(dim=-1)


@runtime_checkable
class Projecting(Protocol):
    """By these methods `lm/inside/inspection.py` finds the parts of a model that attend.

    Methods alone: from Python 3.12 on, `isinstance` does not see the buffers of a module, such as its mask.
    """

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The input x of `forward`, (B, T, C), to query, key and value, (B, H, T, D) each."""
        ...

    def value_matrices(self) -> Tensor:
        """The matrices that make the values, (H, D, C), a view of the weights."""
        ...


class Attending(Projecting, Protocol):
    """A part of a model that attends."""

    mask: Tensor  # (context_length, context_length)
    scaled: bool  # whether scores are divided by √D


def pattern(part: Attending, x: Tensor) -> tuple[Tensor, Tensor]:
    """Attention weights (B, H, T, T) and the mask (T, T) for the input x of a part's `forward`, (B, T, C)."""
    T = x.shape[1]
    q, k, _ = part.project(x)
    mask = part.mask[:T, :T]
    return attention_weights(q, k, mask, scaled=part.scaled), mask


class SelfAttention(nn.Module):
    """softmax(Q Kᵀ / √D + mask) V for each of H heads, then a projection."""

    mask: Tensor

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        mask: Tensor,
        *,
        bias: bool = True,
        rotary: RotaryPositions | None = None,
        qk_norm: bool = False,
        scaled: bool = True,
        n_key_value_head: int | None = None,
        head_size: int | None = None,
        query_key_value_bias: bool = False,
        window: int | None = None,
    ) -> None:
        """n_key_value_head: G, the keys and values that H heads share; H if None. head_size: D.

        window: of a mask made by `windowed`, which can be computed in blocks (`window_attention.py`).
        """
        super().__init__()
        self.n_head = n_head
        self.n_key_value_head = n_key_value_head or n_head
        self.head_size = head_size or n_embd // n_head
        self.scaled = scaled
        self.rotary = rotary
        self.qk_norm = qk_norm
        self.causal_kernel = False
        self.window = window
        self.query_key_value = nn.Linear(
            n_embd, (n_head + 2 * self.n_key_value_head) * self.head_size, bias=query_key_value_bias
        )
        self.projection = nn.Linear(n_head * self.head_size, n_embd, bias=bias)
        self.register_buffer("mask", mask, persistent=False)  # (context_length, context_length)

    def forward(
        self, x: Tensor, cache: LayerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """x (B, T, C) to the concatenated results of the heads, projected, (B, T, C).

        With a cache, x continues the text that the cache holds, and is added to it. padding: (B, 1, 1, T), a
        mask of each row's own that is added to the part's (`padding_mask`).
        """
        if isinstance(cache, RollingLayerCache):
            return self.projection(self.rolled(x, cache).transpose(1, 2).flatten(2))
        T, start = x.shape[1], cache.length if cache is not None else 0
        q, k, v = self.project_grouped(x, start)  # (B, H, T, D), (B, G, T, D), (B, G, T, D)
        if cache is not None:
            k, v = cache.extend(k, v)  # (B, G, start + T, D)
        if self.n_key_value_head < self.n_head:
            k, v = self.repeated(k), self.repeated(v)  # (B, H, start + T, D)
        scale = None if self.scaled else 1.0  # None: 1 / √D
        if self.window and cache is None and padding is None and pays(T, self.window, x.device):
            with float32_on_cpu(x.device):
                found = window_attention(q, k, v, self.window, scale)
        elif self.causal_kernel and cache is None and padding is None:
            found = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        else:
            mask = self.mask[start : start + T, : start + T]  # (T, start + T)
            if padding is not None:
                mask = mask + padding  # (B, 1, T, T)
            mask = mask.to(q.dtype)  # of weights in bfloat16
            with float32_on_cpu(x.device):
                found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
        return self.projection(found.transpose(1, 2).flatten(2))

    def rolled(self, x: Tensor, cache: RollingLayerCache) -> Tensor:
        """x (B, T, C), which continues the text of the cache, to the results of the heads, (B, H, T, D)."""
        T = x.shape[1]
        q, k, v = self.project_grouped(x, rotated=False)  # (B, H, T, D), (B, G, T, D), (B, G, T, D)
        k, v = cache.extend(k, v)  # (B, G, n, D), those of the window and the sinks
        places = cache.places()  # (n,)
        if self.rotary is not None:
            q, k = self.rotary.at(places[-T:], q), self.rotary.at(places, k)
        mask = None  # the last position may look at all that is kept
        if T > 1:
            mask = self.mask[places[-T:]][:, places].to(q.dtype)  # (T, n)
        scale = None if self.scaled else 1.0
        return F.scaled_dot_product_attention(
            q, self.repeated(k), self.repeated(v), attn_mask=mask, scale=scale
        )

    def use_causal_kernel(self) -> None:
        """If the mask is causal, leave it to torch's kernel, which skips what is masked: quicker on a GPU."""
        self.causal_kernel = torch.equal(self.mask.cpu(), causal(len(self.mask)))

    def project(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, C), at positions from `start` on, to query, key and value, (B, H, T, D) with D = C / H."""
        q, k, v = self.project_grouped(x, start)
        return q, self.repeated(k), self.repeated(v)

    def project_grouped(
        self, x: Tensor, start: int = 0, rotated: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, C) to query (B, H, T, D), and key and value as they are kept, (B, G, T, D)."""
        B, T, _ = x.shape
        H, G = self.n_head, self.n_key_value_head
        qkv = self.query_key_value(x)
        if x.device.type == "cpu" or self.rotary is not None:
            qkv = qkv.to(x.dtype)  # autocast may have made it bfloat16
        qkv = qkv.view(B, T, H + 2 * G, self.head_size).transpose(1, 2)  # (B, H + 2G, T, D)
        q, k, v = qkv.split([H, G, G], dim=1)
        if self.rotary is not None and rotated:
            q, k = self.rotary(q, start), self.rotary(k, start)
        if self.qk_norm:
            q, k = rms_norm(q), rms_norm(k)
        return q, k, v

    def repeated(self, x: Tensor) -> Tensor:
        """Keys or values (B, G, T, D) as each of the H heads reads them, (B, H, T, D)."""
        if self.n_key_value_head == self.n_head:
            return x
        return x.repeat_interleave(self.n_head // self.n_key_value_head, dim=1)

    def value_matrices(self) -> Tensor:
        """As `Attending`; of shared values, the matrices that read a head's result, (H, D, C), instead.

        A head whose matrix is 0 adds nothing, whichever of the two it is.
        """
        H, G = self.n_head, self.n_key_value_head
        if G < H or self.query_key_value.bias is not None:
            return self.projection.weight.unflatten(1, (H, -1)).permute(1, 2, 0)
        return self.query_key_value.weight.unflatten(0, (3, H, -1))[2]


def float32_on_cpu(device: torch.device) -> AbstractContextManager[Any]:
    """Switches autocast off on a CPU, where the fused attention is several times slower in bfloat16."""
    if device.type == "cpu" and torch.is_autocast_enabled("cpu"):
        return torch.autocast("cpu", enabled=False)
    return nullcontext()
