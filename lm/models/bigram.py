"""Rung 1, the bigram: guess the next character from this one alone.

The smallest neural language model there is, and all that the later rungs keep: characters become
vectors (the *embedding*), vectors become one score for each possible next character (the *head*), and
the scores are judged by how much probability they gave to the character that really came
(*cross-entropy*). It can learn exactly what counting pairs of characters can learn, so the counted
bigram is the line on the chart that it approaches and cannot cross.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lm.settings import Settings, Whole, setting


class BigramConfig(Settings):
    n_embd: Whole = setting(
        32,
        title="Embedding size",
        help="Numbers that describe one character. Below the alphabet's size, the table is squeezed.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )
    context_length: Whole = setting(
        8,
        title="Context length",
        help="Characters in a row of the batch. The bigram looks at each of them alone.",
        ge=1,
        le=1024,
        step=1,
        unit="characters",
        live_le=256,
    )


class Bigram(nn.Module):
    """logits = head(embedding(token)); no position sees any other."""

    def __init__(self, config: BigramConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.n_embd)  # one row for each character
        self.head = nn.Linear(config.n_embd, vocab_size)
        nn.init.normal_(self.head.weight, std=0.02)  # first scores near 0: every guess equal,
        nn.init.zeros_(self.head.bias)  # so the first loss is about ln V

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        if tokens.numel() < len(self.embedding.weight):  # fewer than there are characters
            return self.head(self.embedding(tokens))
        # There are only V characters, so the scores that follow each are made once, then looked up.
        table = self.head(self.embedding.weight)  # (V, C) to (V, V): row c holds the scores after c
        return F.embedding(tokens, table.float())  # (B, T, V)
