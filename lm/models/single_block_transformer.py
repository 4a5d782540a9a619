"""Rung 4, one transformer block: attention, then a feed-forward network, each added to its input.

New here, all in `lm/layers/block.py`: a *feed-forward* part after the attention, *residual connections* around
both, *layer norm* before each, and *dropout*. Attention alone could only average; now a position can compute
something from the average. The next rung stacks this block.
"""

import torch
from torch import Tensor, nn

from lm.layers import Block, Dropout, causal
from lm.models.attention_config import AttentionConfig
from lm.settings import setting


class SingleBlockConfig(AttentionConfig):
    dropout: float = setting(
        0.0,
        title="Dropout",
        help="Share of the parts' results set to 0 at random in training. Helps with short texts.",
        ge=0.0,
        le=0.9,
        step=0.05,
        group="regularisation",
        live_le=0.5,
    )


class SingleBlockTransformer(nn.Module):
    """Token and position embedding, one block, a last norm, and the output head."""

    def __init__(self, config: SingleBlockConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.token_embedding = nn.Embedding(vocab_size, C)
        self.position_embedding = nn.Embedding(config.context_length, C)
        self.dropout = Dropout(config.dropout)
        self.block = Block(C, config.n_head, causal(config.context_length), config.dropout)
        self.norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, vocab_size)
        for table in (self.token_embedding, self.position_embedding):
            nn.init.normal_(table.weight, std=0.02)  # 0.02 as in GPT-2
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)
        # The matrices of the block keep torch's initial weights.

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
        x = self.token_embedding(tokens) + self.position_embedding(positions)  # (B, T, C)
        x = self.block(self.dropout(x))  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)
