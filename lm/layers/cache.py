"""The key/value cache: a decoder keeps what it computed of a text, so that it need not read it again.

To write one more token, a position needs the keys and values of all earlier positions, and these do not change
when the text grows: each layer keeps them. Without a cache, each new token costs a forward pass over the whole
window; with it, a forward pass over one position.

This is right only if no position may look at a later one: else the keys and values of a position would change
with each token after it, in all layers but the first.
"""

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one attention layer, (B, H, up to context_length, D) each, allocated once."""

    def __init__(self, context_length: int) -> None:
        self.context_length = context_length
        self.length = 0  # positions held
        self._keys: Tensor | None = None  # (B, H, context_length, D)
        self._values: Tensor | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of T new positions, (B, H, T, D); returns all that are held."""
        B, H, T, D = keys.shape
        if self._keys is None or self._values is None:
            self._keys = keys.new_empty(B, H, self.context_length, D)
            self._values = torch.empty_like(self._keys)
        self._keys[:, :, self.length : self.length + T] = keys
        self._values[:, :, self.length : self.length + T] = values
        self.length += T
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def clear(self) -> None:
        """Forget the text; the memory stays allocated."""
        self.length = 0

    def keep(self, rows: Tensor) -> None:
        """Keep the texts of these rows (K,), in their order; a row may be taken several times."""
        if self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[rows], self._values[rows]


class KeyValueCache:
    """The cache of a decoder of `n_layer` layers, for B texts that grow together."""

    rolls = False  # whether the text may be longer than the context (`rolling_cache.py`)

    def __init__(self, n_layer: int, context_length: int) -> None:
        self.layers = [LayerCache(context_length) for _ in range(n_layer)]
        self.tokens: Tensor | None = None  # (B, length), the text so far

    @property
    def length(self) -> int:
        """The number of positions held."""
        return 0 if self.tokens is None else self.tokens.shape[1]

    def extend(self, tokens: Tensor) -> Tensor:
        """Add tokens (B, T) to the text; returns all of it, (B, length). The layers add theirs themselves."""
        held = self.tokens
        self.tokens = tokens if held is None else torch.cat([held, tokens], dim=1)
        return self.tokens

    def keep(self, rows: Tensor) -> None:
        """Keep the texts of these rows (K,), in their order: some have ended, or grow in several ways."""
        for layer in self.layers:
            layer.keep(rows)
        self.tokens = None if self.tokens is None else self.tokens[rows]

    def clear(self) -> None:
        """Forget the text; the memory stays allocated."""
        for layer in self.layers:
            layer.clear()
        self.tokens = None
