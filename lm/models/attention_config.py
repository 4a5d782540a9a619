"""The settings of every model with attention heads: rungs 3 to 5 build theirs on these."""

from typing import Self

from pydantic import model_validator

from lm.models.attention_pattern import LONGEST, AttentionPattern, check
from lm.settings import Whole, setting


class AttentionConfig(AttentionPattern):
    n_embd: Whole = setting(
        128,
        title="Embedding size",
        help="Width of the residual path: numbers that describe one position.",
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
        help="How many tokens a position can look at, itself included.",
        ge=1,
        le=LONGEST,
        step=1,
        unit="tokens",
        live_le=256,
    )

    @model_validator(mode="after")
    def _heads_divide_the_embedding(self) -> Self:
        if self.n_embd % self.n_head:
            fitting = [n for n in range(1, 17) if self.n_embd % n == 0]
            raise ValueError(
                f"{self.n_head} attention heads cannot share an embedding of {self.n_embd} equally: "
                f"choose {', '.join(map(str, fitting))} head{'s' if len(fitting) > 1 else ''}, or an embedding "
                f"size divisible by {self.n_head}."
            )
        return self

    @model_validator(mode="after")
    def _pattern_fits(self) -> Self:
        check(self, self.context_length)
        return self
