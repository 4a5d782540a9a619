"""Rung 3, several heads: look for different things at the same time.

One head makes one pattern. Its weights sum to 1, so looking more at the last vowel means looking less at the
last space. Here several small heads, each with queries, keys and values of its own, attend at once; their
results are concatenated and mixed by one more matrix (the *projection*). The heads divide the queries, keys and
values between them, so four heads have no more parameters than one.

From here on, the formula of rung 2 is the function `attention_weights`, with a mask of `lm/layers/masks.py`.

Vaswani et al. (2017), section 3.2.2.
"""

import torch
from torch import Tensor, nn

from lm.layers.attention import attention_weights
from lm.models.attention_config import AttentionConfig
from lm.models.attention_pattern import mask_of
from lm.models.switches import OwnVector
from lm.settings import Whole, setting


class MultiHeadConfig(OwnVector, AttentionConfig):
    n_embd: Whole = setting(
        96,
        title="Embedding size",
        help="Numbers that describe one position. The heads divide the queries, keys and values between them.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )


class MultiHeadAttentionModel(nn.Module):
    """Token and position embedding, several attention heads with a projection, and the output head."""

    def __init__(self, config: MultiHeadConfig, vocab_size: int) -> None:
        super().__init__()
        C, T = config.n_embd, config.context_length
        self.config = config
        self.given = config.given
        self.token_embedding = nn.Embedding(vocab_size, C)
        if config.know_positions:
            self.position_embedding = nn.Embedding(T, C)
        mask = mask_of(config, T)  # (T, T), usually the causal one
        self.attention = MultiHeadAttention(C, config.n_head, mask, scaled=config.scale_scores)
        self.head = nn.Linear(2 * C if config.own_vector else C, vocab_size)
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.02)  # 0.02 as in GPT-2
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


class MultiHeadAttention(nn.Module):
    """H heads of size D = C / H, computed together.

    Rows hD to (h+1)D of `query.weight` are the query matrix of head h; it reads the whole vector x. The same
    holds for key and value.
    """

    mask: Tensor

    def __init__(self, n_embd: int, n_head: int, mask: Tensor, *, scaled: bool = True) -> None:
        super().__init__()
        self.n_head = n_head
        self.scaled = scaled
        self.query = nn.Linear(n_embd, n_embd, bias=False)
        self.key = nn.Linear(n_embd, n_embd, bias=False)
        self.value = nn.Linear(n_embd, n_embd, bias=False)
        self.projection = nn.Linear(n_embd, n_embd)
        self.register_buffer("mask", mask, persistent=False)  # (context_length, context_length)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) to the concatenated results of the heads, projected, (B, T, C)."""
        T = x.shape[1]
        q, k, v = self.project(x)
        # (B, H, T, T), one pattern a head; divided by √D of a head, not by √C
        weights = attention_weights(q, k, self.mask[:T, :T], scaled=self.scaled)
        found = weights @ v  # (B, H, T, D)
        concatenated = found.transpose(1, 2).flatten(2)  # (B, T, C)
        return self.projection(concatenated)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, C) to query, key and value of each head, (B, H, T, D)."""
        return self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))

    def split(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, H, T, D): head h gets numbers hD to (h+1)D of each query, key or value."""
        return x.unflatten(-1, (self.n_head, -1)).transpose(1, 2)

    def value_matrices(self) -> Tensor:
        """For the page, which switches heads off: (H, D, C), a view of the weights."""
        return self.value.weight.unflatten(0, (self.n_head, -1))
