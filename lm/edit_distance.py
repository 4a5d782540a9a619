"""The edit distance (Levenshtein 1966): the insertions, deletions and replacements from one line to another."""

from collections.abc import Hashable, Sequence

import numpy as np


def edit_distances(
    lines: Sequence[Sequence[Hashable]], others: Sequence[Sequence[Hashable]]
) -> np.ndarray:
    """The distance of each line to the other of the same number, (N,).

    The table of N pairs is filled at once, row by row: `row[j]` is the distance of what was read of the lines
    to the first j of the others.
    """
    codes: dict[Hashable, int] = {}
    a, lengths = _as_array(lines, codes, filling=-1)  # (N, S)
    b, other_lengths = _as_array(others, codes, filling=-2)  # (N, T)
    N, T = b.shape
    columns = np.arange(T + 1)
    row = np.broadcast_to(columns, (N, T + 1))
    for i in range(a.shape[1]):
        replaced = row[:, :-1] + (b != a[:, i : i + 1])  # (N, T)
        removed = row + 1  # (N, T + 1)
        best = np.concatenate([removed[:, :1], np.minimum(replaced, removed[:, 1:])], axis=1)
        # An insertion costs one for each column to the left: the running minimum of best - columns.
        best = np.minimum.accumulate(best - columns, axis=1) + columns
        row = np.where((i < lengths)[:, None], best, row)
    return row[np.arange(N), other_lengths]


def _as_array(
    lines: Sequence[Sequence[Hashable]], codes: dict[Hashable, int], filling: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lines as numbers (N, longest), and their lengths (N,)."""
    lengths = np.array([len(line) for line in lines], dtype=np.int64)
    array = np.full((len(lines), int(lengths.max(initial=0))), filling)
    for number, line in enumerate(lines):
        array[number, : len(line)] = [codes.setdefault(piece, len(codes)) for piece in line]
    return array, lengths
