"""A transformer block: look, then think, and add both to what was there.

Each part reads a normalised copy of the *residual path* and adds its finding to it. The path itself runs
straight through, so the gradient reaches the first layer undimmed (He et al. 2016), and normalising before
each part instead of after it lets deep stacks train without a long warm-up (Xiong et al. 2020). Dropout
sits on the path, not inside the attention: there it would forbid the fused kernel.
"""

from torch import Tensor, nn

from lm.layers.attention import CausalSelfAttention
from lm.layers.feed_forward import FeedForward


class Block(nn.Module):
    """x ← x + attention(norm(x)); x ← x + feed_forward(norm(x))."""

    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(n_embd)
        self.attention = CausalSelfAttention(n_embd, n_head)
        self.feed_forward_norm = nn.LayerNorm(n_embd)
        self.feed_forward = FeedForward(n_embd)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to (B, T, C)."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
