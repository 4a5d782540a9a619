"""One more position, quickly: a block's forward pass as plain functions, its weights at hand.

Writing asks for one position at a time, and its sums are so small that what surrounds them takes longer:
calling a module costs about a microsecond, finding a weight in it half of one, and a character needs fifty
calls. Here everything is found once, before the first character. The mathematics is that of the modules,
which say it better; tests hold the two equal.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.layers.attention import CausalSelfAttention
from lm.layers.block import Block
from lm.layers.cache import LayerCache

Row = Callable[[Tensor], Tensor]  # (B, C) to (B, C'), for one position of each of B texts
CachedRow = Callable[[Tensor, LayerCache], Tensor]  # the same, and adds the position to the cache


def one_position(block: Block) -> CachedRow:
    """`block` for one position, (B, C) to (B, C), after those that the cache holds."""
    look, think = _attention(block.attention), block.feed_forward
    widen, bend, narrow = as_row(think.widen), think.bend, as_row(think.narrow)
    attention_norm = as_row(block.attention_norm)
    feed_forward_norm = as_row(block.feed_forward_norm)

    def read(x: Tensor, cache: LayerCache) -> Tensor:
        x = x + look(attention_norm(x), cache)
        return x + narrow(bend(widen(feed_forward_norm(x))))

    return read


def as_row(part: nn.Module) -> Row:
    """A linear layer or a norm as a function that knows its weights."""
    if isinstance(part, nn.Linear):
        weight, bias = part.weight, part.bias
        return lambda x: F.linear(x, weight, bias)
    if isinstance(part, nn.LayerNorm):
        shape, epsilon = list(part.normalized_shape), part.eps
        scale, shift = part.weight, part.bias
        return lambda x: torch.native_layer_norm(x, shape, scale, shift, epsilon)[0]
    return part.forward


def _attention(part: CausalSelfAttention) -> CachedRow:
    """Only one row of weights is needed, so nothing has to be masked and hardly anything moved."""
    query_key_value, projection = as_row(part.query_key_value), as_row(part.projection)
    H = part.n_head
    plain = part.rotary is None and not part.qk_norm

    def look(x: Tensor, cache: LayerCache) -> Tensor:
        B, C = x.shape
        if plain:
            query, key, value = query_key_value(x).view(B, 3, H, 1, C // H).unbind(1)
        else:
            query, key, value = part.split(x[:, None], cache.length)  # each (B, H, 1, D)
        keys, values = cache.extend(key, value)
        return projection(F.scaled_dot_product_attention(query, keys, values).reshape(B, C))

    return look
