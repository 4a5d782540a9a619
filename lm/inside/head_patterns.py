"""What an attention head looks at: the kinds of places that have names, and how much of its weight each gets.

A head is judged by its weights on one text. `favourite` finds the kind of place that gets most beyond its
share of the places. `induction` measures, on a text of its own, whether a head continues what it has
read before.
Reading order: after `lm/inside/inspection.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lm.devices import device_of
from lm.inside.inspection import inspect

Weights = NDArray[np.floating]
Mask = NDArray[np.bool_]

LEAST_SHARE = 0.35  # of the weight, for a favourite
LEAST_MARGIN = 0.2  # beyond what even attention would give it
TIE = 0.1  # a difference of margins that decides nothing: lines begin with capital letters
SHORTEST, LONGEST = 8, 32  # tokens of a random text that is read twice


@dataclass(frozen=True)
class Favourite:
    """A kind of place that a head prefers.

    kind: a name of `places`. share: of the head's weight, mean over the rows that could look at such a place.
    first: of these rows, how many look at such a place more than at any other. rows: how many they are.
    """

    kind: str
    share: float
    first: int
    rows: int


def rows_with_a_choice(mask: Mask) -> NDArray[np.intp]:
    """The rows of a mask (T, T) that may look at several positions; the others say nothing about a head."""
    return np.flatnonzero(np.asarray(mask, dtype=bool).sum(axis=1) > 1)


def places(tokens: Sequence[str]) -> dict[str, Mask]:
    """Kinds of places by name, (T, T) each: True where the column is such a place for the row.

    The more particular kind comes first and wins a tie.
    """
    length = len(tokens)
    at, columns = np.arange(length)[:, None], np.arange(length)[None, :]
    text = np.array([str(token) for token in tokens], dtype=object)
    before = np.concatenate([[None], text[:-1]])
    same = text[None, :] == text[:, None]  # (T, T)
    starts = _line_starts(text)[:, None]  # (T, 1)
    return {
        "previous": columns == at - 1,
        "next": columns == at + 1,
        "itself": columns == at,
        "first": np.broadcast_to(columns == 0, (length, length)),
        "line start": (columns == starts) & (starts > 0),
        "induction": (before[None, :] == text[:, None]) & (columns < at),
        "same": same & (columns < at),
        "spaces": _of(text == " "),
        "line breaks": _of(text == "\n"),
        "vowels": _of(np.isin(text, list("aeiouAEIOU"))),
        "capitals": _of(np.array([token.isupper() for token in text], dtype=bool)),
        "punctuation": _of(np.isin(text, list(",.;:!?'-&"))),
        "recent": (columns < at) & (columns >= at - 4),
    }


def favourite(weights: Weights, tokens: Sequence[str], mask: Mask) -> Favourite | None:
    """The kind of place that gets most of a head's weights (T, T) beyond its share of the places, or None.

    mask: (T, T), True where a row may look. A kind counts if a quarter of the rows could look at one.
    """
    rows = rows_with_a_choice(mask)
    allowed = np.asarray(mask, dtype=bool)[rows]  # (R, T)
    matrix = np.where(allowed, np.asarray(weights, dtype=float)[rows], 0)  # (R, T)
    best, least = None, LEAST_MARGIN
    for kind, of_all in places(tokens).items():
        there = of_all[rows] & allowed  # (R, T)
        possible = there.any(axis=1)  # (R,)
        if possible.sum() < max(2, (len(tokens) - 1) // 4):
            continue
        share = (matrix * there).sum(axis=1)[possible].mean()
        even = (there.sum(axis=1) / allowed.sum(axis=1))[possible].mean()
        if share >= LEAST_SHARE and share - even > least + 1e-9:
            highest = matrix.argmax(axis=1)[:, None]  # (R, 1)
            first = np.take_along_axis(there, highest, axis=1)[possible].sum()
            best = Favourite(kind, float(share), int(first), int(possible.sum()))
            least = share - even + TIE
    return best


@dataclass(frozen=True)
class Induction:
    """How far heads continue a text that they have read before, from 0 to 1.

    scores: (L, H), of each head. even: (L,), of a head of each layer that looks evenly at all that it may.
    """

    scores: NDArray[np.floating]
    even: NDArray[np.floating]


def induction(
    model: nn.Module, vocab_size: int, context_length: int, seed: int = 0
) -> Induction | None:
    """The induction scores of a model's heads; None if the context is too short to read a text twice.

    A random text, in which each token occurs once, is read twice in a row. At each token of the second
    reading, an *induction head* looks at the token that followed it in the first. The score is the mean weight
    there (Olsson et al. 2022, "In-context learning and induction heads"). The text has no other pattern, so
    only copying scores.
    """
    length = min(context_length // 2, LONGEST, vocab_size)
    if length < SHORTEST:
        return None
    once = torch.randperm(vocab_size, generator=torch.Generator().manual_seed(seed))[:length]
    seen = inspect(model, torch.cat([once, once]).to(device_of(model)))
    return Induction(
        scores=np.array([[induction_score(head) for head in layer] for layer in seen.attention]),
        even=np.array([induction_score(mask / mask.sum(1, keepdims=True)) for mask in seen.masks]),
    )


def induction_score(weights: Weights) -> float:
    """Of one head's weights (2N, 2N) on N different tokens that are read twice: see `induction`."""
    length = len(weights) // 2
    second = np.arange(length, 2 * length)  # the rows of the second reading
    return float(np.asarray(weights)[second, second - length + 1].mean())


def _line_starts(text: NDArray[np.object_]) -> NDArray[np.intp]:
    """(T,): where the line of each token begins; a line break belongs to the line that it ends."""
    begins = np.concatenate([[True], text[:-1] == "\n"])
    return np.maximum.accumulate(np.where(begins, np.arange(len(text)), 0))


def _of(columns: Mask) -> Mask:
    """(T, T): the same columns (T,) for every row."""
    return np.broadcast_to(columns, (len(columns), len(columns)))
