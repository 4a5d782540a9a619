"""The settings of a stack of blocks: its size, and a choice for each of its parts.

With the defaults, a model has the arrangement of GPT-2 (norms first) and the ReLU of 2017. The other choices
are what later models use instead, most of them because they learn faster; the recipes combine them. The decoder
and the encoder–decoder share them.
"""

from typing import Literal, Self

from pydantic import model_validator

from lm.layers import Activation, Norm
from lm.models.single_block_transformer import SingleBlockConfig
from lm.settings import Whole, setting


class StackConfig(SingleBlockConfig):
    n_layer: Whole = setting(
        3,
        title="Layers",
        help="Blocks stacked. Each works on the result of the one below.",
        ge=1,
        le=24,
        step=1,
        live_le=8,
    )
    positions: Literal["learned", "rotary"] = setting(
        "learned",
        title="Positions",
        help="Learned: a vector for each position. Rotary: attention scores depend on distance, from step 0.",
        group="architecture",
    )
    norm: Norm = setting(
        "layer",
        title="Norm",
        help="RMS norm has no mean and no learned scale: simpler, and about as good.",
        group="architecture",
    )
    activation: Activation = setting(
        "relu",
        title="Activation",
        help="The non-linear function of the feed-forward part; squared ReLU learns fastest here.",
        group="architecture",
    )
    qk_norm: bool = setting(
        False,
        title="Query-key norm",
        help="Scores compare directions, not lengths: they stay bounded, so steps can be larger.",
        group="architecture",
    )
    tie_weights: bool = setting(
        False,
        title="Tie weights",
        help="One matrix is both token embedding and output head. Saves little with a small vocabulary.",
        group="architecture",
    )
    zero_init: bool = setting(
        False,
        title="Zero-initialised outputs",
        help="Each block begins by adding nothing, so the first steps can be large.",
        group="architecture",
    )
    bias: bool = setting(
        True,
        title="Biases",
        help="Constants that projections, feed-forward parts and layer norms add. Little is lost without.",
        group="architecture",
    )

    alternate: bool = setting(
        False,
        title="Alternate with full",
        help="The first layer has the pattern, the second attends to all, and so on: as GPT-3 and Gemma do.",
        group="pattern",
    )

    @property
    def learns_positions(self) -> bool:
        """Whether each position has a learned vector."""
        return self.know_positions and self.positions == "learned"

    def is_full(self, layer: int) -> bool:
        """Whether a layer, counted from 0, attends to all, whatever the pattern."""
        return super().is_full(layer) or (self.alternate and layer % 2 == 1)

    @model_validator(mode="after")
    def _something_passes(self) -> Self:
        if self.zero_init and not self.residual_path:
            raise ValueError(
                "Without the residual path, outputs that begin at zero let nothing through: switch "
                "zero-initialised outputs off, too."
            )
        return self

    @model_validator(mode="after")
    def _rotary_rotates_pairs(self) -> Self:
        if self.positions == "rotary" and self.n_embd // self.n_head % 2:
            raise ValueError(
                f"Rotary positions rotate pairs of numbers, and each head has an odd number, "
                f"{self.n_embd // self.n_head}: choose an embedding size that is a multiple of "
                f"{2 * self.n_head}, or learned positions."
            )
        return self


class DecoderConfig(StackConfig):
    ngram_embedding: Literal["none", "bigram", "trigram"] = setting(
        "none",
        title="N-gram embedding",
        help="A learned vector for each pair (and triple) of tokens: it looks back from the first step on.",
        group="architecture",
    )
