"""The key/value cache: what a decoder remembers of a text, so that it need not read it again.

To write one more character, a position needs the keys and values of all earlier ones, and these do not change
when the text grows: each layer keeps them. Without a cache, writing n characters costs n readings of the
window; with it, one reading and n single positions.
"""

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one attention layer, (B, H, up to context_length, D) each, allocated once."""

    def __init__(self, context_length: int) -> None:
        self.context_length = context_length
        self.length = 0  # positions held
        self._held = torch.empty(0)  # (2, B, H, context_length, D): keys, then values

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of T new positions, (B, H, T, D); returns all that are held."""
        B, H, T, D = keys.shape
        if not self._held.numel():
            self._held = keys.new_empty(2, B, H, self.context_length, D)
        new_keys, new_values = self._held.narrow(3, self.length, T).unbind()
        new_keys.copy_(keys)
        new_values.copy_(values)
        self.length += T
        all_keys, all_values = self._held.narrow(3, 0, self.length).unbind()
        return all_keys, all_values


class KeyValueCache:
    """What a decoder of `n_layer` layers remembers of B texts that grow together."""

    def __init__(self, n_layer: int, context_length: int) -> None:
        self.layers = [LayerCache(context_length) for _ in range(n_layer)]
        self._recent: Tensor | None = None  # the last tokens, (B, n)

    @property
    def length(self) -> int:
        """How many positions are held."""
        return self.layers[0].length

    def forget(self) -> None:
        """Begin anew; the memory is kept."""
        for layer in self.layers:
            layer.length = 0
        self._recent = None

    def remember(self, tokens: Tensor, most: int) -> Tensor:
        """Note tokens (B, T) for looking up n-grams; returns them after up to `most` earlier ones."""
        text = tokens if self._recent is None else torch.cat([self._recent, tokens], dim=1)
        self._recent = text[:, -most:]
        return text
