"""The parts that the models share, each in a file of its own, in reading order.

`masks`            which positions may be looked at
`attention`        the formula, and the attention of the blocks
`positions`        rotary positions: another way to tell where a token is
`norms`            scale the inputs of a part
`feed_forward`     what each position computes by itself
`block`            attention and feed-forward on a residual path
`ngram_embedding`  vectors for pairs and triples of tokens
`cache`            what a decoder keeps while it writes
"""

from lm.layers.attention import Attending, SelfAttention, attention_weights
from lm.layers.block import Block
from lm.layers.cache import KeyValueCache
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.masks import causal
from lm.layers.ngram_embedding import NgramEmbedding
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions

__all__ = [
    "Activation",
    "Attending",
    "Block",
    "FeedForward",
    "KeyValueCache",
    "NgramEmbedding",
    "Norm",
    "RotaryPositions",
    "SelfAttention",
    "attention_weights",
    "causal",
    "make_norm",
]
