"""The heads of an encoder–decoder in words: what they look at in both lines, and whether the lines cross."""

from collections.abc import Sequence

import numpy as np

from lm.inside.alignment import LEAST, alignment
from lm.inside.head_patterns import Mask, Weights
from playground.figures.head_words import Part, head_words

LINE = f"The strongest line of a character, if one place gets {LEAST:.0%} of its weight or more."
CROSS = (
    "Two lines cross if the character that is written later looks at the place that is read earlier. Without "
    "crossings, the answer would say everything in the order of the line."
)
AHEAD = "The share of the weight on positions that come later in the line. A causal mask would forbid it."


def cross_words(weights: Weights) -> list[Part]:
    """A head of cross-attention, weights (T, S), as the parts of a sentence that begins with a verb."""
    found = alignment(np.asarray(weights, dtype=float))
    if found.drawn < 2:
        return [
            (f"has {found.drawn} ", None),
            (f"clear line{'' if found.drawn == 1 else 's'}", LINE),
            (
                f" for {found.rows} positions: the strongest place gets {found.share:.0%} on average.",
                None,
            ),
        ]
    return [
        ("has a ", None),
        ("clear line", LINE),
        (f" from {found.drawn} of {found.rows} positions; ", None),
        (f"{found.crossed:,} of {found.pairs:,} pairs of them cross", CROSS),
        (f". The strongest place gets {found.share:.0%} on average.", None),
    ]


def ahead_words(weights: Weights, tokens: Sequence[str], mask: Mask) -> list[Part]:
    """What a head of the encoder does, weights (S, S): as `head_words`, and how much it looks ahead."""
    matrix = np.where(mask, np.asarray(weights, dtype=float), 0)
    ahead = float(np.triu(matrix, 1).sum() / matrix.sum())
    *parts, _ = head_words(weights, tokens, mask)
    return [*parts, (", ", None), (f"{ahead:.0%} ahead", AHEAD), (".", None)]


def mask_words(mask: Mask, padding: int) -> str:
    """A mask in a sentence; `padding`: how many of its columns are none."""
    (rows, columns), seen = mask.shape, int(mask.sum())
    if seen == rows * columns:
        return f"each of {rows} positions sees all {columns}."
    if padding and seen == rows * (columns - padding):
        return f"each of {rows} positions sees all {columns - padding}, and none of {padding} of padding."
    return f"position n sees n: {seen:,} of {rows * columns:,} cells."
