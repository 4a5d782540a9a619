"""Small networks with one property each."""

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
