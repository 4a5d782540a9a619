"""Which places of a line an answer looks at, as numbers: the lines between two texts, and whether they cross.

A head of cross-attention is judged by its weights on one pair. Reading order: after `inspecting_pairs.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 0.25  # weight of a place that counts as a line


@dataclass(frozen=True)
class Alignment:
    """The strongest line of each position of an answer.

    rows: how many positions the answer has. drawn: how many of them give one place `LEAST` of their weight or
    more. share: what the strongest place of a row gets, mean over all rows. crossed: of the pairs of lines that
    are drawn and end at different places, how many cross. pairs: how many such pairs there are.
    """

    rows: int
    drawn: int
    share: float
    crossed: int
    pairs: int


def alignment(weights: NDArray[np.floating]) -> Alignment:
    """The strongest lines of a head's weights (T, S).

    Two cross if the later position looks at the earlier place.
    """
    strongest = weights.max(axis=1)  # (T,)
    places = weights.argmax(axis=1)[strongest >= LEAST]  # (N,), in the order of the answer
    earlier, later = np.triu_indices(len(places), 1)
    apart = places[earlier] - places[later]  # (N · (N - 1) / 2,)
    return Alignment(
        rows=len(weights),
        drawn=len(places),
        share=float(strongest.mean()),
        crossed=int((apart > 0).sum()),
        pairs=int((apart != 0).sum()),
    )


def clearest(layers: NDArray[np.floating]) -> tuple[int, int]:
    """The layer and head, counted from 0, whose rows have the strongest lines; weights (L, H, T, S)."""
    share = layers.max(axis=3).mean(axis=2)  # (L, H)
    layer, head = np.unravel_index(int(share.argmax()), share.shape)
    return int(layer), int(head)
