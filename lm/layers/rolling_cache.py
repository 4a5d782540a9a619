"""A cache of constant size: a window of the last positions, and sinks, the first ones, for a text without end.

A model that looks back a window needs the keys and values of that window alone; those before it are dropped.
So memory and time for each token stay the same, however long the text grows (Xiao et al. 2023, "Efficient
streaming language models with attention sinks").

Keys are kept before their rotation. Within the context, a key is rotated by its place in the text. Past it, the
newest token stays at the last place of the context, and the window keeps its distance to it: no position is
further from the sinks than in training. Learned positions cannot move like this, so such a model reads its
window anew (`lm/generation.py`).
"""

import torch
from torch import Tensor

from lm.layers.cache import KeyValueCache, LayerCache


class RollingLayerCache(LayerCache):
    """Keys, not rotated, and values of one layer: of the first `sinks` positions and the last `window` ones."""

    def __init__(self, context_length: int, window: int, sinks: int = 0) -> None:
        super().__init__(context_length)
        self.window, self.sinks = window, sinks
        self._first = 0  # the place in the text of the first one that is kept after the sinks

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of T new positions, (B, H, T, D); returns all that these may look at, (B, H, n, D)."""
        T = keys.shape[2]
        if self._keys is not None and self._values is not None:
            sinks = min(self.sinks, self.length)
            # The window of the first new position begins here; what lies between the sinks and it is dropped.
            first = max(self._first, self.length + 1 - self.window)
            begin = sinks + first - self._first  # its place among those that are kept
            keys, values = (
                torch.cat([old[:, :, :sinks], old[:, :, begin:], new], dim=2)
                for old, new in ((self._keys, keys), (self._values, values))
            )
            self._first = first
        self.length += T
        self._keys, self._values = keys, values
        self._first = max(self._first, min(self.sinks, self.length))
        return keys, values

    def places(self) -> Tensor:
        """(n,): the place in the context of each that is kept. Past it, the newest has the last."""
        assert self._keys is not None
        end, sinks = min(self.length, self.context_length), min(self.sinks, self.length)
        rest = torch.arange(end - (self.length - self._first), end, device=self._keys.device)
        return torch.cat([torch.arange(sinks, device=rest.device), rest]) if sinks else rest

    def clear(self) -> None:
        """Forget the text."""
        super().clear()
        self._keys = self._values = None
        self._first = 0


class RollingCache(KeyValueCache):
    """The cache of a decoder whose layers all look back a window, and at sinks."""

    rolls = True

    def __init__(self, n_layer: int, context_length: int, window: int, sinks: int = 0) -> None:
        self.context_length = context_length
        self.layers = [RollingLayerCache(context_length, window, sinks) for _ in range(n_layer)]
        self.tokens: Tensor | None = None  # (B, ≤ context_length), the end of the text

    @property
    def length(self) -> int:
        """The number of positions read."""
        return self.layers[0].length

    def extend(self, tokens: Tensor) -> Tensor:
        """As `KeyValueCache`, but only the end of the text is kept."""
        self.tokens = super().extend(tokens)[:, -self.context_length :]
        return self.tokens
