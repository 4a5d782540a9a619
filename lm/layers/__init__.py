"""The parts that the transformer rungs share, each in a file of its own.

`attention` is rung 3's multi-head attention made fast, `feed_forward` is the thinking between two looks,
`block` puts both on a residual path.
"""

from lm.layers.attention import CausalSelfAttention
from lm.layers.block import Block
from lm.layers.feed_forward import FeedForward

__all__ = ["Block", "CausalSelfAttention", "FeedForward"]
