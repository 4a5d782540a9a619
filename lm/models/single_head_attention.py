"""Rung 2, one attention head: each position attends to itself and to earlier positions.

The bigram knows one character. Here each position has a question (the *query*), a description of itself (the
*key*) and something to pass on (the *value*). Each position compares its query with the keys of all positions
up to its own; the better they match, the more of their values it takes. Later positions are excluded (the
*causal mask*), because they hold the answer. A weighted sum does not depend on order, so each position also
has a vector of its own, the *position embedding*.

The output head reads the position's own vector *and* the result of attention, concatenated. (With the result
alone, a character would vote through the same table whether it is the last one or an earlier one;
lm/EXPERIMENTS.md.)

Attention is from Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1. Left out on purpose, for
the next rungs: several heads, feed-forward, residual connections, norms.
"""

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from lm.models.attention_pattern import LONGEST, AttentionPattern, check, mask_of
from lm.models.switches import OwnVector
from lm.settings import Whole, setting


class SingleHeadConfig(OwnVector, AttentionPattern):
    n_embd: Whole = setting(
        128,
        title="Embedding size",
        help="Numbers that describe one position; query, key and value have as many.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )
    context_length: Whole = setting(
        64,
        title="Context length",
        help="How many tokens a position can look at, itself included.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        live_le=256,
    )

    @model_validator(mode="after")
    def _pattern_fits(self) -> Self:
        check(self, self.context_length)
        return self


class SingleHeadAttention(nn.Module):
    """Token and position embedding, one attention head, and the output head."""

    def __init__(self, config: SingleHeadConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.config = config
        self.given = config.given
        self.token_embedding = nn.Embedding(vocab_size, C)
        if config.know_positions:
            self.position_embedding = nn.Embedding(config.context_length, C)
        self.attention = AttentionHead(
            C, config.context_length, masked=config.causal_mask, scaled=config.scale_scores
        )
        # Another mask: which earlier positions are seen, not only whether later ones are.
        if config.pattern != "full":
            self.attention.mask = mask_of(config, config.context_length)
        self.head = nn.Linear(2 * C if config.own_vector else C, vocab_size)
        for table in self.modules():
            # Measured: 2.17 with 0.3, 2.19 with 0.02 (lm/EXPERIMENTS.md).
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.3)
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.config.know_positions:
            positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
            x = x + self.position_embedding(positions)
        found = self.attention(x)  # (B, T, C)
        if self.config.own_vector:
            found = torch.cat([x, found], dim=-1)  # (B, T, 2C)
        return self.head(found)  # (B, T, V)


class AttentionHead(nn.Module):
    """softmax(Q Kᵀ / √D + mask) V, with D = C."""

    mask: Tensor

    def __init__(
        self, n_embd: int, context_length: int, *, masked: bool = True, scaled: bool = True
    ) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key = nn.Linear(n_embd, n_embd, bias=False)
        self.value = nn.Linear(n_embd, n_embd, bias=False)
        self.scaled = scaled
        mask = torch.zeros(context_length, context_length)
        if masked:  # row t: 0 up to t, −∞ after it
            mask = torch.full_like(mask, float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to the weighted sum of the values for each position, (B, T, C)."""
        T, D = x.shape[1:]
        q, k, v = self.query(x), self.key(x), self.value(x)  # (B, T, D) each
        scores = q @ k.transpose(-2, -1)  # (B, T, T): [t, s] is how well key s fits query t
        if self.scaled:
            # A sum of D products of independent numbers of mean 0 and variance 1 has variance D. Divided by √D
            # it has variance 1, so the softmax starts soft and every position gets a gradient.
            scores = scores / D**0.5
        weights = (scores + self.mask[:T, :T]).softmax(dim=-1)  # (B, T, T); each row sums to 1
        return weights @ v

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For the page's pictures: query, key and value, (B, 1, T, D), the 1 for one head."""
        return self.query(x)[:, None], self.key(x)[:, None], self.value(x)[:, None]

    def value_matrices(self) -> Tensor:
        """For the page, which switches heads off: (1, D, C), a view of the weights."""
        return self.value.weight[None]
