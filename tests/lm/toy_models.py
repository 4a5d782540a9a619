"""Small networks with one property each."""

import torch
from torch import nn


class Tied(nn.Module):
    """One matrix is both the embedding and the head."""

    def __init__(self, config, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 8)
        self.head = nn.Linear(8, vocab_size, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(self.embedding(tokens))


class FrozenAndUnused(nn.Module):
    """A model with a parameter that must not change, and one that its forward pass never uses."""

    def __init__(self, config, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 8)
        self.embedding.weight.requires_grad_(False)
        self.unused = nn.Linear(8, 8)
        self.head = nn.Linear(8, vocab_size)

    def forward(self, tokens):
        return self.head(self.embedding(tokens))


class Unusual(nn.Module):
    """Parts that no rung has: a convolution, einsum, bare parameters, torch's own attention, a frozen part."""

    def __init__(self, config, vocab_size):
        super().__init__()
        C, self.vocab_size = 8, vocab_size
        self.embedding = nn.Embedding(vocab_size, C)
        self.convolution = nn.Conv1d(C, C, kernel_size=3)
        self.mix = nn.Parameter(torch.randn(C, C) / C**0.5)
        self.gate = nn.Parameter(nn.init.xavier_normal_(torch.empty(2, C, C // 2)))
        self.attention = nn.MultiheadAttention(C, num_heads=2, batch_first=True)
        self.frozen = nn.Linear(C, C).requires_grad_(False)
        self.head = nn.Linear(C, vocab_size)

    def forward(self, tokens):
        x = self.embedding(tokens)  # (B, T, C)
        before = nn.functional.pad(x.mT, (2, 0))  # the two positions before each, and none after it
        x = x + self.convolution(before).mT
        x = x + torch.einsum("btc,cd->btd", x, self.mix)
        x = x + torch.einsum("btc,hcd->bthd", x, self.gate).flatten(2)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        attended, _ = self.attention(x, x, x, attn_mask=future, need_weights=False)
        return self.head(x + attended + self.frozen(x))
