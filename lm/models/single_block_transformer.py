"""Rung 4, one transformer block: attention, then a feed-forward network, each added to its input.

New here, all in `lm/layers/block.py`: a *feed-forward* part after the attention, *residual connections* around
both, *layer norm* before each, and *dropout*. Attention alone could only average; now a position can compute
something from the average. The next rung stacks this block.
"""

import torch
from torch import Tensor, nn

from lm.layers import Block, Dropout, Norm, make_norm
from lm.models.attention_config import AttentionConfig
from lm.models.attention_pattern import mask_of
from lm.models.switches import BlockSwitches
from lm.settings import setting


class SingleBlockConfig(BlockSwitches, AttentionConfig):
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
        C, T = config.n_embd, config.context_length
        self.config = config
        self.given = config.given
        self.token_embedding = nn.Embedding(vocab_size, C)
        if config.know_positions:
            self.position_embedding = nn.Embedding(T, C)
        self.dropout = Dropout(config.dropout)
        norm: Norm | None = "layer" if config.normalise else None
        self.block = Block(
            C,
            config.n_head,
            mask_of(config, T),
            config.dropout,
            norm=norm,
            scaled=config.scale_scores,
            residual=config.residual_path,
            feed_forward=config.feed_forward,
            window=config.window_of(0),
        )
        self.norm = make_norm(norm, C)
        self.head = nn.Linear(C, vocab_size)
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.02)  # 0.02 as in GPT-2
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)
        # The matrices of the block keep torch's initial weights.

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.config.know_positions:
            positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
            x = x + self.position_embedding(positions)
        x = self.block(self.dropout(x))  # (B, T, C)
        return self.read_out(x)  # (B, T, V)

    def read_out(self, x: Tensor) -> Tensor:
        """The residual path x (B, T, C) to scores (B, T, V)."""
        return self.head(self.norm(x))
