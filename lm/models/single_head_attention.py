"""Rung 2, one attention head: every position looks back and chooses what to look at.

The bigram knows one character. Here each position asks a question (the *query*), every position offers
a description of itself (the *key*) and something to pass on (the *value*). Where a question meets a
fitting description, the value flows. Looking ahead is forbidden (the *causal mask*), or the answer would be
read off. Because a weighted sum does not know order, each position also gets a vector of its own.

What the bigram knew is kept: the scores are made from the position itself *and* from what it found, side by
side. (Without the first half, a character could only vote through the same table whether it is the last one
or an earlier one; see lm/EXPERIMENTS.md.)

Attention is from Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1. What is missing on
purpose, and comes with the next rungs: several heads, feed-forward, residuals, normalisation.
"""

import torch
from torch import Tensor, nn

from lm.settings import Settings, Whole, setting


class SingleHeadConfig(Settings):
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
        help="How many characters back a position can look, itself included.",
        ge=1,
        le=1024,
        step=1,
        unit="characters",
        live_le=256,
    )


class SingleHeadAttention(nn.Module):
    """Embedding and position, one causal head, and the scores."""

    def __init__(self, config: SingleHeadConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.token_embedding = nn.Embedding(vocab_size, C)
        self.position_embedding = nn.Embedding(config.context_length, C)
        self.attention = Head(C, config.context_length)
        self.head = nn.Linear(2 * C, vocab_size)
        for table in (self.token_embedding, self.position_embedding):
            nn.init.normal_(table.weight, std=0.3)  # without a norm, 0.02 is too quiet
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (T,)
        x = self.token_embedding(tokens) + self.position_embedding(positions)  # (B, T, C)
        found = self.attention(x)  # (B, T, C)
        return self.head(torch.cat([x, found], dim=-1))  # (B, T, 2C) to (B, T, V)


class Head(nn.Module):
    """softmax(Q Kᵀ / √C, future masked) V."""

    def __init__(self, n_embd: int, context_length: int) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key = nn.Linear(n_embd, n_embd, bias=False)
        self.value = nn.Linear(n_embd, n_embd, bias=False)
        past = torch.ones(context_length, context_length, dtype=torch.bool).tril()
        self.register_buffer("past", past, persistent=False)  # row t: True at 0 … t

    def attention_weights(self, x: Tensor) -> Tensor:
        """x (B, T, C) to weights (B, 1, T, T): row t says how much t takes from each position."""
        T, C = x.shape[1:]
        q, k = self.query(x), self.key(x)  # (B, T, C) each
        # A sum of C products of unit-variance numbers has variance C. Divided by √C it has
        # variance 1, so that the softmax starts out soft and every position gets a gradient.
        scores = q @ k.transpose(-2, -1) * C**-0.5  # (B, T, T)
        scores = scores.masked_fill(~self.past[:T, :T], float("-inf"))  # type: ignore[index]
        return scores.softmax(dim=-1).unsqueeze(1)  # (B, 1, T, T); each row sums to 1

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to what each position gathered from its past, (B, T, C)."""
        weights = self.attention_weights(x).squeeze(1)  # (B, T, T)
        return weights @ self.value(x)  # (B, T, C)
