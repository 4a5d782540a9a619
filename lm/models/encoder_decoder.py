"""The transformer as it was first published: an encoder that reads a line, a decoder that writes another.

Two things are new after rung 5 (Vaswani et al. 2017, "Attention is all you need"; here with norms first):

- The *encoder* is a stack of blocks with no causal mask. It has the whole line before it, so each position may
  look at all others.
- Each block of the *decoder* has a third part between the other two, *cross-attention*: the position that is to
  be written asks, and the positions of the line that was read answer (`layers/cross_attention.py`).

So there are three masks: none in the encoder, the causal one in the decoder, none between them. Padding is
hidden in all. While it learns, the decoder reads the right line up to each position, not its own ("teacher
forcing"): one pass gives a loss at every position, as in rung 5.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn

from lm.layers import (
    PADDING,
    Block,
    CrossAttention,
    Dropout,
    KeyValueCache,
    RotaryPositions,
    draw_weights,
    make_norm,
    open_mask,
    padding_mask,
)
from lm.layers.cache import LayerCache
from lm.models.attention_pattern import masks_of
from lm.models.decoder_config import StackConfig
from lm.settings import Whole, setting


class EncoderDecoderConfig(StackConfig):
    n_layer: Whole = setting(
        2,
        title="Layers",
        help="Blocks of the encoder, and as many of the decoder.",
        ge=1,
        le=24,
        step=1,
        live_le=8,
    )
    context_length: Whole = setting(
        128,
        title="Longest line",
        help="Tokens of the longest line that can be read or written.",
        ge=1,
        le=1024,
        step=1,
        unit="tokens",
        live_le=256,
    )
    cross_attention: bool = setting(
        True,
        title="Cross-attention",
        help="Off: the decoder cannot see the line that was read, and writes lines that are common.",
        group="apart",
    )

    @model_validator(mode="after")
    def _nothing_is_given(self) -> Self:
        if self.pattern == "prefix":
            raise ValueError(
                "The encoder reads what is given, so the decoder has no prefix: choose another pattern."
            )
        return self


class LayerMemory(NamedTuple):
    """Keys and values of the lines that were read, (B, H, S, D) each, and the mask of their padding."""

    keys: Tensor
    values: Tensor
    padding: Tensor  # (B, 1, 1, S)


@dataclass(frozen=True)
class Memory:
    """What each block of the decoder can look at of B lines that were read; None without cross-attention."""

    layers: tuple[LayerMemory | None, ...]

    def keep(self, rows: Tensor) -> "Memory":
        """The memory of these rows (K,), in their order."""
        kept = (layer and LayerMemory(*(part[rows] for part in layer)) for layer in self.layers)
        return Memory(tuple(kept))


class DecoderBlock(Block):
    """x ← x + attention(norm(x)); x ← x + cross_attention(norm(x), memory); x ← x + feed_forward(norm(x))."""

    def __init__(self, config: EncoderDecoderConfig, mask: Tensor, rotary: RotaryPositions | None):
        super().__init__(**block_settings(config, mask, rotary))
        C = config.n_embd
        self.cross_attention: CrossAttention | None = None
        if config.cross_attention:
            self.cross_norm = make_norm(config.norm if config.normalise else None, C, config.bias)
            self.cross_attention = CrossAttention(
                C,
                config.n_head,
                bias=config.bias,
                qk_norm=config.qk_norm,
                scaled=config.scale_scores,
            )

    def forward(
        self,
        x: Tensor,
        cache: LayerCache | None = None,
        padding: Tensor | None = None,
        memory: LayerMemory | None = None,
    ) -> Tensor:
        """x (B, T, C) of the lines that are written to (B, T, C); memory: of the lines that were read."""
        x = self.add(x, self.attention(self.attention_norm(x), cache, padding))
        if self.cross_attention is not None and memory is not None:
            x = self.add(x, self.cross_attention(self.cross_norm(x), *memory))
        return self.compute(x)

    def remember(self, encoded: Tensor, padding: Tensor) -> LayerMemory | None:
        """The encoder's result (B, S, C), and its padding mask, as this block looks at it."""
        if self.cross_attention is None:
            return None
        return LayerMemory(*self.cross_attention.keys_values(encoded), padding)


class EncoderDecoder(nn.Module):
    """Two stacks of blocks, the second with cross-attention to the result of the first, and an output head.

    Both read the same tokens, so they share one embedding.
    """

    def __init__(self, config: EncoderDecoderConfig, vocab_size: int) -> None:
        super().__init__()
        C, T = config.n_embd, config.context_length
        self.config = config
        self.token_embedding = nn.Embedding(vocab_size, C)
        rotary = None
        if config.learns_positions:
            self.position_embedding = nn.Embedding(T, C)
        elif config.know_positions:
            rotary = RotaryPositions(C // config.n_head, T)
        self.dropout = Dropout(config.dropout)
        norm = config.norm if config.normalise else None
        self.encoder = nn.ModuleList(
            Block(**block_settings(config, open_mask(T), rotary)) for _ in range(config.n_layer)
        )
        self.encoder_norm = make_norm(norm, C, config.bias)
        self.decoder = nn.ModuleList(
            DecoderBlock(config, mask, rotary) for mask in masks_of(config, T, config.n_layer)
        )
        self.norm = make_norm(norm, C, config.bias)
        self.head = nn.Linear(C, vocab_size, bias=config.bias)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        draw_weights(self, parts=3 * config.n_layer, zero=config.zero_init)

    def forward(self, tokens: Tensor, source: Tensor) -> Tensor:
        """Lines so far (B, T), and the lines to rewrite (B, S), to scores of each next token, (B, T, V).

        Shorter lines end in `PADDING`, whose scores mean nothing.
        """
        return self.decode(tokens, self.remember(source))

    def encode(self, source: Tensor) -> Tensor:
        """Lines to rewrite (B, S) to a vector for each of their positions, (B, S, C)."""
        padding = padding_mask(source)  # (B, 1, 1, S)
        x = self.embed(source)  # (B, S, C)
        for block in self.encoder:
            x = block(x, padding=padding)  # (B, S, C)
        return self.encoder_norm(x)

    def remember(self, source: Tensor) -> Memory:
        """Lines to rewrite (B, S), read, as the decoder looks at them; computed once for a line."""
        encoded, padding = self.encode(source), padding_mask(source)  # (B, S, C), (B, 1, 1, S)
        blocks = cast(Iterable[DecoderBlock], self.decoder)
        return Memory(tuple(block.remember(encoded, padding) for block in blocks))

    def decode(self, tokens: Tensor, memory: Memory, cache: KeyValueCache | None = None) -> Tensor:
        """Lines so far (B, T) to scores of each next token, (B, T, V).

        With a cache (`new_cache`), the tokens continue the lines that it holds, and are added to it; then there
        is no padding.
        """
        start, padding = 0, None
        if cache is not None:
            start = cache.length
            cache.extend(tokens)
        elif not self.config.causal_mask:  # which else hides what comes after a line's end
            padding = padding_mask(tokens)  # (B, 1, 1, T)
        x = self.embed(tokens, start)  # (B, T, C)
        for layer, block in enumerate(self.decoder):
            kept = cache.layers[layer] if cache is not None else None
            x = block(x, kept, padding, memory.layers[layer])  # (B, T, C)
        return self.head(self.norm(x))  # (B, T, V)

    def embed(self, tokens: Tensor, start: int = 0) -> Tensor:
        """Tokens (B, T), at positions from `start` on, to vectors (B, T, C); those of padding mean nothing."""
        x = self.token_embedding(tokens.masked_fill(tokens == PADDING, 0))  # (B, T, C)
        if self.config.learns_positions:
            positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)  # (T,)
            x = x + self.position_embedding(positions)
        return self.dropout(x)

    def new_cache(self) -> KeyValueCache | None:
        """An empty cache for `decode`; None without the causal mask (`lm/layers/cache.py`)."""
        if not self.config.causal_mask:
            return None
        return KeyValueCache(self.config.n_layer, self.config.context_length)


def block_settings(
    config: EncoderDecoderConfig, mask: Tensor, rotary: RotaryPositions | None
) -> dict[str, Any]:
    """The arguments of `Block` that a config asks for."""
    return {
        "n_embd": config.n_embd,
        "n_head": config.n_head,
        "mask": mask,
        "dropout": config.dropout,
        "norm": config.norm if config.normalise else None,
        "activation": config.activation,
        "bias": config.bias,
        "rotary": rotary,
        "qk_norm": config.qk_norm,
        "scaled": config.scale_scores,
        "residual": config.residual_path,
        "feed_forward": config.feed_forward,
    }
