"""A transformer block: attention, then a feed-forward network, each added to its input.

Each part reads a normalised copy of the *residual path* and adds its result to it. The path is only ever
added to, so the gradient reaches the first layer at full size (He et al. 2016). A norm before each part instead
of after it lets deep stacks train without a long warm-up (Xiong et al. 2020). Dropout acts on the results of
the parts, not on the attention weights, which the fused kernel never writes to memory.

`residual`, `feed_forward` and a norm of None take a block apart (`lm/models/switches.py`).
"""

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from lm.layers.attention import SelfAttention
from lm.layers.cache import LayerCache
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions


@runtime_checkable
class ReadsOut(Protocol):
    """A model of blocks, whose residual path can be read after any of them (`lm/inside/inspection.py`)."""

    def read_out(self, x: Tensor) -> Tensor:
        """The residual path x (B, T, C) to the scores of each possible next token, (B, T, V)."""
        ...


class Block(nn.Module):
    """x ← x + attention(norm(x)); x ← x + feed_forward(norm(x))."""

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        mask: Tensor,
        dropout: float,
        *,
        norm: Norm | None = "layer",
        activation: Activation = "relu",
        bias: bool = True,
        rotary: RotaryPositions | None = None,
        qk_norm: bool = False,
        scaled: bool = True,
        residual: bool = True,
        feed_forward: bool = True,
        window: int | None = None,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.attention_norm = make_norm(norm, n_embd, bias)
        self.attention = SelfAttention(
            n_embd,
            n_head,
            mask,
            bias=bias,
            rotary=rotary,
            qk_norm=qk_norm,
            scaled=scaled,
            window=window,
        )
        self.feed_forward: FeedForward | None = None
        if feed_forward:
            self.feed_forward_norm = make_norm(norm, n_embd, bias)
            self.feed_forward = FeedForward(n_embd, activation, bias)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, cache: LayerCache | None = None, padding: Tensor | None = None
    ) -> Tensor:
        """x (B, T, C) to (B, T, C); with a cache, x continues the text that the cache holds.

        padding: as `SelfAttention` takes it.
        """
        x = self.add(x, self.attention(self.attention_norm(x), cache, padding))
        return self.compute(x)

    def compute(self, x: Tensor) -> Tensor:
        """The feed-forward half of the block: x (B, T, C) to (B, T, C)."""
        if self.feed_forward is None:
            return x
        return self.add(x, self.feed_forward(self.feed_forward_norm(x)))

    def add(self, x: Tensor, result: Tensor) -> Tensor:
        """A part's result added to the residual path x, or in its place if the path is switched off."""
        result = self.dropout(result)
        return x + result if self.residual else result
