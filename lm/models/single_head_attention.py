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

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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


@dataclass(frozen=True)
class Embedded:
    """x (B, T, C): each row is the vector of its character plus the vector of its place, not yet added up.

    What a matrix makes of a sum is the sum of what it makes of the parts, and there are few parts: V characters
    and T places, against B · T positions in a batch. So the matrices meet the two tables, and what they make
    is looked up and added; for 48 rows of 64 characters that is a twentieth of the arithmetic.
    """

    tokens: Tensor  # (B, T)
    characters: Tensor  # (V, C)
    places: Tensor  # (T, C)

    def times(self, matrix: Tensor) -> Tensor:
        """x @ matrixᵀ, what a linear layer with these weights (N, C) makes of each position, (B, T, N)."""
        if self.tokens.numel() < len(self.characters):  # a batch so small is less than the tables
            return F.linear(F.embedding(self.tokens, self.characters) + self.places, matrix)
        # Looked up in full precision: on the way back, all places of a character are added up.
        table, places = (F.linear(rows, matrix).float() for rows in (self.characters, self.places))
        rows = table.index_select(0, self.tokens.flatten())  # (B · T, N), quick on the way back
        return rows.view(*self.tokens.shape, -1) + places


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
        T = tokens.shape[1]
        x = Embedded(tokens, self.token_embedding.weight, self.position_embedding.weight[:T])
        # The scores read x and what it found, side by side: half of their matrix is for each.
        of_itself, of_found = self.head.weight.chunk(2, dim=1)  # (V, C) each
        return x.times(of_itself) + self.attention(x, of_found) + self.head.bias  # (B, T, V)


class Head(nn.Module):
    """softmax(Q Kᵀ / √C, future masked) V, and what is read off it."""

    def __init__(self, n_embd: int, context_length: int) -> None:
        super().__init__()
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key = nn.Linear(n_embd, n_embd, bias=False)
        self.value = nn.Linear(n_embd, n_embd, bias=False)
        mask = torch.full((context_length, context_length), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)  # row t: -∞ after t, 0 up to it

    def attention_weights(self, x: Embedded) -> Tensor:
        """x (B, T, C) to weights (B, 1, T, T): row t says how much t takes from each position."""
        q, k = x.times(self.query.weight), x.times(self.key.weight)  # (B, T, C) each
        T, C = q.shape[1:]
        # A sum of C products of unit-variance numbers has variance C. Divided by √C it has
        # variance 1, so that the softmax starts out soft and every position gets a gradient.
        scores = (q * C**-0.5) @ k.transpose(-2, -1)  # (B, T, T)
        scores = scores + self.mask[:T, :T].type_as(scores)  # type: ignore[index]
        return scores.softmax(dim=-1).unsqueeze(1)  # (B, 1, T, T); each row sums to 1

    def forward(self, x: Embedded, reader: Tensor) -> Tensor:
        """x (B, T, C) to what `reader` (V, C) reads off what each position gathered, (B, T, V).

        Gathered and then read, weights · values · readerᵀ, is the same as read and then gathered: what each
        position has to say about the next character is made once, and the weights share it out.
        """
        says = x.times(reader @ self.value.weight)  # (B, T, V)
        return self.attention_weights(x).squeeze(1) @ says  # (B, T, T) @ (B, T, V)
