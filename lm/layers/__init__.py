"""The parts that the transformer rungs share, each in a file of its own.

`attention` is rung 3's multi-head attention made fast, `feed_forward` is the thinking between two looks,
`norms` keeps their inputs in size, `positions` is the other way to say where a character stands, `dropout`
silences some of it all while training, and `block` puts them on a residual path. For writing, `cache` is
what a model remembers, and `one_position` reads one character more.
"""

from lm.layers.attention import CausalSelfAttention
from lm.layers.block import Block
from lm.layers.cache import KeyValueCache
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.norms import Norm, make_norm
from lm.layers.one_position import as_row, one_position
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
    "as_row",
    "make_norm",
    "one_position",
]
