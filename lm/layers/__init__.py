"""The parts that the models share, each in a file of its own, in reading order.

`masks`            the positions that each position may look at
`attention`        the formula, and the attention of the blocks
`positions`        rotary positions
`norms`            a common scale for the inputs of a part
`feed_forward`     a small network applied to each position
`dropout`          a share of the numbers set to 0 while training
`block`            attention and feed-forward on a residual path
`ngram_embedding`  vectors for pairs and triples of tokens
`cache`            the keys and values of the text so far
"""

from lm.layers.attention import Attending, SelfAttention, attention_weights, pattern
from lm.layers.block import Block
from lm.layers.cache import KeyValueCache
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward
from lm.layers.masks import causal, looks_ahead, open_mask
from lm.layers.ngram_embedding import NgramEmbedding
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions

__all__ = [
    "Activation",
    "Attending",
    "Block",
    "Dropout",
    "FeedForward",
    "KeyValueCache",
    "NgramEmbedding",
    "Norm",
    "RotaryPositions",
    "SelfAttention",
    "attention_weights",
    "causal",
    "looks_ahead",
    "make_norm",
    "open_mask",
    "pattern",
]
