"""A transformer block: attention, then a feed-forward network, each added to its input.

Each part reads a normalised copy of the *residual path* and adds its result to it. The path is only ever
added to, so the gradient reaches the first layer at full size (He et al. 2016). A norm before each part instead
of after it lets deep stacks train without a long warm-up (Xiong et al. 2020). Dropout acts on the results of
the parts, not on the attention weights, which the fused kernel never writes to memory.
"""

from torch import Tensor, nn

from lm.layers.attention import SelfAttention
from lm.layers.cache import LayerCache
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions


class Block(nn.Module):
    """x ← x + attention(norm(x)); x ← x + feed_forward(norm(x))."""

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        mask: Tensor,
        dropout: float,
        *,
        norm: Norm = "layer",
        activation: Activation = "relu",
        bias: bool = True,
        rotary: RotaryPositions | None = None,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        self.attention_norm = make_norm(norm, n_embd, bias)
        self.attention = SelfAttention(
            n_embd, n_head, mask, bias=bias, rotary=rotary, qk_norm=qk_norm
        )
        self.feed_forward_norm = make_norm(norm, n_embd, bias)
        self.feed_forward = FeedForward(n_embd, activation, bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        """x (B, T, C) to (B, T, C); with a cache, x continues the text that the cache holds."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cache))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
