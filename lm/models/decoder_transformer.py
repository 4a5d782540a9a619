"""Rung 5, the decoder-only transformer: blocks on blocks. This is a GPT.

Nothing is new but the loop. A second block attends to what the first one found, so patterns of patterns
become possible: letters to words, words to a speaker's turn. "Decoder-only" means that there is one stack,
it may only look back, and it reads and writes the same text (Radford et al. 2018); the original transformer
(2017) had a second stack, the encoder, for a text to translate.
"""

import torch
from torch import Tensor, nn

from lm.layers import Block
from lm.models.single_block_transformer import SingleBlockConfig
from lm.settings import Whole, setting


class DecoderConfig(SingleBlockConfig):
    n_layer: Whole = setting(
        3,
        title="Layers",
        help="Blocks stacked. Each works on what the one below has found.",
        ge=1,
        le=24,
        step=1,
        live_le=8,
    )


class DecoderTransformer(nn.Module):
    """Embedding and position, a stack of blocks, a last norm, and the scores."""

    def __init__(self, config: DecoderConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.token_embedding = nn.Embedding(vocab_size, C)
        self.position_embedding = nn.Embedding(config.context_length, C)
        self.dropout = nn.Dropout(config.dropout)
        blocks = (Block(C, config.n_head, config.dropout) for _ in range(config.n_layer))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, vocab_size)
        self._initialise(config.n_layer)

    def _initialise(self, n_layer: int) -> None:
        """GPT-2's start: small weights everywhere, smaller still where a part adds to the path.

        2 · n_layer findings are summed on the residual path; dividing each by √(2 · n_layer) keeps
        the sum's size the same at any depth (Radford et al. 2019, section 2.3).
        """
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                adds = name.endswith(("projection.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=0.02 * (2 * n_layer) ** -0.5 if adds else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
        x = self.token_embedding(tokens) + self.position_embedding(positions)  # (B, T, C)
        x = self.blocks(self.dropout(x))  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)
