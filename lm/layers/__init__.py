"""The parts that the models share, each in a file of its own, in reading order.

`masks`            the positions that each position may look at
`attention`        the formula, and the attention of the blocks
`cross_attention`  attention to another sequence
`positions`        rotary positions
`norms`            a common scale for the inputs of a part
`feed_forward`     a small network applied to each position
`dropout`          a share of the numbers set to 0 while training
`block`            attention and feed-forward on a residual path
`ngram_embedding`  vectors for pairs and triples of tokens
`initial_weights`  the random numbers that a stack begins with
`lora`             a small change of a matrix that stays as it is
`cache`            the keys and values of the text so far
`rolling_cache`    those of a window of it, for a text without end
`window_attention` attention in a window, in blocks
"""

from lm.layers.attention import Attending, SelfAttention, attention_weights, pattern
from lm.layers.block import Block
from lm.layers.cache import KeyValueCache
from lm.layers.cross_attention import CrossAttention, cross_pattern
from lm.layers.dropout import Dropout
from lm.layers.feed_forward import Activation, FeedForward, PretrainedActivation
from lm.layers.initial_weights import draw_weights
from lm.layers.masks import PADDING, causal, looks_ahead, open_mask, padding_mask, windowed
from lm.layers.ngram_embedding import NgramEmbedding
from lm.layers.norms import Norm, make_norm
from lm.layers.positions import RotaryPositions
from lm.layers.rolling_cache import RollingCache

__all__ = [
    "PADDING",
    "Activation",
    "Attending",
    "Block",
    "CrossAttention",
    "Dropout",
    "FeedForward",
    "KeyValueCache",
    "NgramEmbedding",
    "Norm",
    "PretrainedActivation",
    "RollingCache",
    "RotaryPositions",
    "SelfAttention",
    "attention_weights",
    "causal",
    "cross_pattern",
    "draw_weights",
    "looks_ahead",
    "make_norm",
    "open_mask",
    "padding_mask",
    "pattern",
    "windowed",
]
