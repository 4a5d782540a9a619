"""Rung 4, one transformer block: look, then think, and keep what was there.

New here, all in `lm/layers/block.py`: a *feed-forward* part after the attention, *residual connections*
around both, *layer norm* before each, and *dropout*. Attention alone could only average; now a position can
compute something from what it gathered. The block is the brick; the next rung stacks it.
"""

import torch
from torch import Tensor, nn

from lm.layers import Block, Dropout
from lm.models.multi_head_attention import MultiHeadConfig
from lm.settings import Whole, setting


class SingleBlockConfig(MultiHeadConfig):
    n_embd: Whole = setting(
        128,
        title="Embedding size",
        help="Width of the residual path: numbers that describe one position.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )
    dropout: float = setting(
        0.0,
        title="Dropout",
        help="Share of the findings silenced at random while training. Helps when data is short.",
        ge=0.0,
        le=0.9,
        step=0.05,
        group="regularisation",
        live_le=0.5,
    )


class SingleBlockTransformer(nn.Module):
    """Embedding and position, one block, a last norm, and the scores."""

    def __init__(self, config: SingleBlockConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.token_embedding = nn.Embedding(vocab_size, C)
        self.position_embedding = nn.Embedding(config.context_length, C)
        self.dropout = Dropout(config.dropout)
        self.block = Block(C, config.n_head, config.dropout)
        self.norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, vocab_size)
        for table in (self.token_embedding, self.position_embedding):
            nn.init.normal_(table.weight, std=0.02)  # small, to be soon reshaped
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
        x = self.token_embedding(tokens) + self.position_embedding(positions)  # (B, T, C)
        x = self.block(self.dropout(x))  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)
