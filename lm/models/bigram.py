"""Rung 1, the bigram: predict the next character from the current one alone.

The smallest neural language model, and the parts that all later rungs keep: each character becomes a vector
(the *embedding*), each vector becomes one score for every possible next character (the *output head*), and the
loss is the negative log of the probability that the scores give to the character that follows
(*cross-entropy*).
It can learn what counting pairs of characters can learn and no more, so its loss approaches that of the
counted bigram, the line on the chart, and cannot pass it.
"""

from torch import Tensor, nn

from lm.settings import Settings, Whole, setting


class BigramConfig(Settings):
    n_embd: Whole = setting(
        32,
        title="Embedding size",
        help="Numbers that describe one token. If they are fewer than the tokens of the vocabulary, "
        "the table of pairs is only approximated.",
        ge=4,
        le=1024,
        step=4,
        live_le=256,
    )
    context_length: Whole = setting(
        8,
        title="Context length",
        help="Tokens in a row of the batch. The bigram uses each of them alone.",
        ge=1,
        le=1024,
        step=1,
        unit="tokens",
        live_le=256,
    )


class Bigram(nn.Module):
    """logits = head(embedding(token)); no position uses any other."""

    def __init__(self, config: BigramConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.n_embd)  # one row for each character
        self.head = nn.Linear(config.n_embd, vocab_size)
        nn.init.normal_(self.head.weight, std=0.02)  # first scores near 0: all characters are
        nn.init.zeros_(self.head.bias)  # equally likely, and the first loss is about ln V

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V)."""
        return self.head(self.embedding(tokens))  # (B, T) to (B, T, C) to (B, T, V)
