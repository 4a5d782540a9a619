"""The settings of a model that others trained: the choices that the GPT-2 and the Llama family make.

They are those of `decoder_config.py` with more sizes and more kinds of part. `lm/interchange/` reads them from
the files that come with a model; nobody sets them by hand.
"""

from typing import Literal, Self

from pydantic import model_validator

from lm.layers import Norm, PretrainedActivation
from lm.settings import Settings, Whole, setting

LONGEST = 8192  # tokens of a context: the mask of one has as many numbers as its square
Family = Literal["gpt2", "llama"]


class PretrainedConfig(Settings):
    family: Family = setting(
        "llama", title="Family", help="The architecture, as Hugging Face and GGUF files name it."
    )
    n_embd: Whole = setting(
        64, title="Embedding size", help="Width of the residual path.", ge=1, le=32_768, step=1
    )
    n_layer: Whole = setting(2, title="Layers", help="Blocks stacked.", ge=1, le=512, step=1)
    n_head: Whole = setting(
        4, title="Attention heads", help="Patterns looked for at once.", ge=1, le=1024, step=1
    )
    n_key_value_head: Whole = setting(
        4,
        title="Key and value heads",
        help="Keys and values that the attention heads share. Must divide their number.",
        ge=1,
        le=1024,
        step=1,
    )
    head_size: Whole = setting(
        16, title="Head size", help="Numbers of a query, key or value.", ge=1, le=8192, step=1
    )
    feed_forward_size: Whole = setting(
        256,
        title="Feed-forward size",
        help="Numbers between the two matrices of a feed-forward part.",
        ge=1,
        le=1_048_576,
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
    )
    positions: Literal["learned", "rotary"] = setting(
        "rotary", title="Positions", help="A vector for each position, or a rotation by it."
    )
    rotary_base: float = setting(
        10_000.0,
        title="Rotary base",
        help="The larger, the slower the slowest rotation.",
        ge=1.0,
        le=1e12,
    )
    norm: Norm = setting("rms", title="Norm", help="Layer norm, or RMS norm with a learned scale.")
    norm_epsilon: float = setting(
        1e-5, title="Norm epsilon", help="Added under the root.", ge=0.0, le=1.0
    )
    activation: PretrainedActivation = setting(
        "silu", title="Activation", help="The non-linear function of the feed-forward part."
    )
    gated: bool = setting(
        True,
        title="Gated",
        help="One half of the widened numbers gates the other: SwiGLU, with SiLU.",
    )
    scale_scores: bool = setting(
        True, title="Divide by √D", help="Scores are divided by the root of the head size."
    )
    attention_bias: bool = setting(
        False, title="Attention biases", help="Queries, keys, values and projections add constants."
    )
    feed_forward_bias: bool = setting(
        False, title="Feed-forward biases", help="Both matrices add constants."
    )
    tie_weights: bool = setting(
        True, title="Tie weights", help="One matrix is both token embedding and output head."
    )
    weights: Literal["float32", "bfloat16"] = setting(
        "float32",
        title="Weights",
        help="Four bytes a weight, or two: half the memory, and rounded to three digits.",
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.n_head % self.n_key_value_head:
            raise ValueError(
                f"{self.n_head} attention heads cannot share {self.n_key_value_head} keys and values equally."
            )
        if self.positions == "rotary" and self.head_size % 2:
            raise ValueError(
                f"Rotary positions rotate pairs of numbers, and each head has an odd number, {self.head_size}."
            )
        return self
