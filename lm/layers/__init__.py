"""The parts that the transformer rungs share, each in a file of its own.

`attention` is rung 3's multi-head attention made fast, `feed_forward` is the thinking between two looks,
`norms` keeps their inputs in size, `positions` is the other way to say where a character stands, `dropout`
silences some of it all while training, `block` puts them on a residual path, and `cache` is what a model
remembers while it writes.
"""

from lm.layers.attention import CausalSelfAttention
from lm.layers.block import Block
from lm.layers.cache import KeyValueCache
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions

__all__ = [
    "Activation",
    "Block",
    "CausalSelfAttention",
    "Dropout",
    "FeedForward",
    "KeyValueCache",
    "Norm",
    "RotaryPositions",
    "make_norm",
]
