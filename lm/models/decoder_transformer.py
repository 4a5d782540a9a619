"""Rung 5, the decoder-only transformer: a stack of blocks. This is a GPT.

The only new part is the loop. A second block attends to the results of the first, so it can learn patterns of
patterns: letters to words, words to a speaker's turn. "Decoder-only" means that there is one stack, which
looks only back and continues the text that it reads (Radford et al. 2018). The original transformer (2017)
had a second stack, the encoder, for a text to translate.

The settings (`decoder_config.py`) replace its parts by others; `lm/layers/` has them all.
"""

import torch
from torch import Tensor, nn

from lm.layers import (
    Block,
    Dropout,
    KeyValueCache,
    NgramEmbedding,
    RollingCache,
    RotaryPositions,
    SelfAttention,
    draw_weights,
    looks_ahead,
    make_norm,
)
from lm.models.attention_pattern import masks_of
from lm.models.decoder_config import DecoderConfig


class DecoderTransformer(nn.Module):
    """Token and position embedding, a stack of blocks, a last norm, and the output head."""

    def __init__(self, config: DecoderConfig, vocab_size: int) -> None:
        super().__init__()
        C, T = config.n_embd, config.context_length
        self.config = config
        self.token_embedding = nn.Embedding(vocab_size, C)
        rotary = None
        if config.learns_positions:
            self.position_embedding = nn.Embedding(T, C)
        elif config.know_positions:
            rotary = RotaryPositions(C // config.n_head, T)
        if config.ngram_embedding != "none":
            longest = 2 if config.ngram_embedding == "bigram" else 3
            self.ngram_embedding = NgramEmbedding(longest, vocab_size, C)
        self.dropout = Dropout(config.dropout)
        masks = masks_of(config, T, config.n_layer)  # (T, T) each
        norm = config.norm if config.normalise else None
        self.blocks = nn.ModuleList(
            Block(
                C,
                config.n_head,
                masks[layer],
                config.dropout,
                norm=norm,
                activation=config.activation,
                bias=config.bias,
                rotary=rotary,
                qk_norm=config.qk_norm,
                scaled=config.scale_scores,
                residual=config.residual_path,
                feed_forward=config.feed_forward,
                window=config.window_of(layer),
            )
            for layer in range(config.n_layer)
        )
        self.norm = make_norm(norm, C, config.bias)
        self.head = nn.Linear(C, vocab_size, bias=config.bias)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        draw_weights(self, parts=2 * config.n_layer, zero=config.zero_init)

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V).

        With a cache (`new_cache`), the tokens continue the text that it holds, and are added to it.
        """
        T, start = tokens.shape[1], cache.length if cache is not None else 0
        text = cache.extend(tokens) if cache is not None else tokens  # (B, start + T)
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.config.learns_positions:
            positions = torch.arange(start, start + T, device=tokens.device)  # (T,)
            x = x + self.position_embedding(positions)
        if self.config.ngram_embedding != "none":
            x = x + self.ngram_embedding(text, last=T)
        x = self.dropout(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache.layers[layer] if cache is not None else None)  # (B, T, C)
        return self.read_out(x)  # (B, T, V)

    def read_out(self, x: Tensor) -> Tensor:
        """The residual path x (B, T, C) to scores (B, T, V)."""
        return self.head(self.norm(x))

    @property
    def given(self) -> int:
        """Predictions at the start of a window that do not count (`lm/given.py`)."""
        return self.config.given

    def new_cache(self) -> KeyValueCache | None:
        """An empty cache for `forward`: for texts of up to context_length tokens, or of any length if it rolls.

        None if a mask lets a position look at later ones: then no result can be kept (`lm/layers/cache.py`).
        """
        layers = [part for part in self.modules() if isinstance(part, SelfAttention)]
        if any(looks_ahead(layer.mask) for layer in layers):
            return None
        config = self.config
        if config.pattern in ("window", "sinks") and not (
            config.alternate or config.learns_positions
        ):
            sinks = config.sinks if config.pattern == "sinks" else 0
            return RollingCache(config.n_layer, config.context_length, config.window, sinks)
        return KeyValueCache(config.n_layer, config.context_length)
