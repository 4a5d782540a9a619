"""N-gram embedding: a learned vector for each pair, and for each triple, of tokens that ends at a position.

A token's own vector says nothing of the tokens before it; attention has to learn to look there. A table with
a row for each pair gives that from the first step on. There are too many triples for a row each: a hash
chooses their row, and triples that share one share its vector (Svenstrup et al. 2017, "Hash embeddings").
"""

from torch import Tensor, nn

LONGEST = 3  # tokens
BIGRAM_ROWS = 2**16  # at most; with more pairs than that, pairs share rows
TRIGRAM_BITS = 14  # 16,384 rows


class NgramEmbedding(nn.Module):
    """bigram[x(t-1), x(t)], and if `longest` is 3, + trigram[x(t-2), x(t-1), x(t)]."""

    def __init__(self, longest: int, vocab_size: int, n_embd: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.bigram = nn.Embedding(min((vocab_size + 1) ** 2, BIGRAM_ROWS), n_embd)
        self.trigram = nn.Embedding(2**TRIGRAM_BITS, n_embd) if longest == LONGEST else None

    def forward(self, text: Tensor, last: int) -> Tensor:
        """Text (B, S) to the vectors of its last T = `last` positions, (B, T, C)."""
        V = self.vocab_size + 1  # one more, which stands before the first token
        begun = nn.functional.pad(text, (LONGEST - 1, 0), value=V - 1)
        text = begun[:, -last - LONGEST + 1 :]  # (B, T + 2)
        pairs = text[:, 1:-1] * V + text[:, 2:]  # (B, T)
        x = self.bigram(pairs % self.bigram.num_embeddings)  # (B, T, C)
        if self.trigram is not None:
            triples = text[:, :-2] * V**2 + pairs  # (B, T)
            hashed = triples * 2_654_435_761 & 0xFFFF_FFFF  # Knuth's multiplicative hash
            x = x + self.trigram(hashed >> 32 - TRIGRAM_BITS)
        return x
