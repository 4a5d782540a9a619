"""Predictions that do not count: a model with a prefix is given the start of each window.

The first tokens of a window see one another (`prefix` in `lm/layers/masks.py`), so all but the last of them see
the token that they would predict. These predictions are left out of every loss; windows overlap by as many, so
that each token is still predicted once.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Given(Protocol):
    """A model that is given the start of each window."""

    @property
    def given(self) -> int:
        """Predictions at the start of a window that see their answer."""
        ...


def given_to(model: nn.Module) -> int:
    """Predictions at the start of each window that do not count; 0 for a model that only looks back."""
    return next((part.given for part in model.modules() if isinstance(part, Given)), 0)


def overlapping(
    tokens: Tensor, T: int, rows: int, given: int, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows of tokens (N,) as inputs (rows, ≤ T) and the targets that count, `given` fewer.

    Each token after the first ones is predicted once; of more than `most`, windows are spread evenly.
    """
    apart = T - given
    starts = list(range(0, len(tokens) - 1 - given, apart))
    if len(tokens) > most:
        read = max(1, most // apart)
        starts = [starts[len(starts) * n // read] for n in range(read)]
    windows = [tokens[start : start + T + 1] for start in starts]  # the last may be shorter
    for some in (windows[:-1], windows[-1:]):
        for at in range(0, len(some), rows):
            batch = torch.stack(some[at : at + rows])  # (rows, ≤ T + 1)
            yield batch[:, :-1], batch[:, 1 + given :]
