"""Rung 3, several heads: look for different things at the same time.

One head makes one pattern: its weights must sum to 1, so looking at the last vowel means looking less
at the last space. Several small heads, each with queries, keys and values of its own, look at once; what
they find is laid side by side (*concatenated*) and mixed by one more matrix (the *projection*). The heads
share the embedding size between them, so four heads cost no more than one. The embedding, `Embedded`, is that
of rung 2.

Vaswani et al. (2017), section 3.2.2.
"""

import torch
import torch.nn.functional as F
from pydantic import model_validator
from torch import Tensor, nn

from lm.models.single_head_attention import Embedded
from lm.settings import Settings, Whole, setting


class MultiHeadConfig(Settings):
    n_embd: Whole = setting(
        96,
        title="Embedding size",
        help="Numbers that describe one position, shared out among the heads.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )
    n_head: Whole = setting(
        4,
        title="Attention heads",
        help="Patterns looked for at once. Must divide the embedding size.",
        ge=1,
        le=16,
        step=1,
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

    @model_validator(mode="after")
    def _heads_share_the_embedding(self) -> "MultiHeadConfig":
        if self.n_embd % self.n_head:
            fitting = [n for n in range(1, 17) if self.n_embd % n == 0]
            raise ValueError(
                f"{self.n_head} attention heads cannot share an embedding of {self.n_embd} equally: "
                f"choose {', '.join(map(str, fitting))} heads, or a multiple of {self.n_head}."
            )
        return self


class MultiHeadAttentionModel(nn.Module):
    """Embedding and position, several causal heads with a projection, and the scores."""

    def __init__(self, config: MultiHeadConfig, vocab_size: int) -> None:
        super().__init__()
        C = config.n_embd
        self.token_embedding = nn.Embedding(vocab_size, C)
        self.position_embedding = nn.Embedding(config.context_length, C)
        self.attention = MultiHeadAttention(C, config.n_head, config.context_length)
        self.head = nn.Linear(2 * C, vocab_size)
        for table in (self.token_embedding, self.position_embedding):
            nn.init.normal_(table.weight, std=0.02)  # small, to be soon reshaped
        nn.init.normal_(self.head.weight, std=0.02)  # the first loss is about ln V
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        T = tokens.shape[1]
        x = Embedded(tokens, self.token_embedding.weight, self.position_embedding.weight[:T])
        of_itself, of_found = self.head.weight.chunk(2, dim=1)  # (V, C) each
        return x.times(of_itself) + F.linear(self.attention(x), of_found, self.head.bias)


class MultiHeadAttention(nn.Module):
    """H heads of size D = C / H, computed together: the heads are one more dimension of the tensor."""

    def __init__(self, n_embd: int, n_head: int, context_length: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key = nn.Linear(n_embd, n_embd, bias=False)
        self.value = nn.Linear(n_embd, n_embd, bias=False)
        self.projection = nn.Linear(n_embd, n_embd)
        mask = torch.full((context_length, context_length), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)  # row t: -∞ after t, 0 up to it

    def split(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, H, T, D): each head gets its own slice of the embedding."""
        B, T, C = x.shape
        return x.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)

    def attention_weights(self, x: Embedded) -> Tensor:
        """x (B, T, C) to weights (B, H, T, T), one pattern a head."""
        q = self.split(x.times(self.query.weight))  # (B, H, T, D)
        k = self.split(x.times(self.key.weight))
        T, D = q.shape[-2:]  # scaled by the size of a head, not by the embedding size
        scores = (q * D**-0.5) @ k.transpose(-2, -1)  # (B, H, T, T)
        scores = scores + self.mask[:T, :T].type_as(scores)  # type: ignore[index]
        return scores.softmax(dim=-1)  # (B, H, T, T); each row sums to 1

    def forward(self, x: Embedded) -> Tensor:
        """x (B, T, C) to what the heads gathered together, (B, T, C)."""
        v = self.split(x.times(self.value.weight))
        found = self.attention_weights(x) @ v  # (B, H, T, D)
        side_by_side = found.transpose(1, 2).flatten(2)  # (B, T, C)
        return self.projection(side_by_side)
