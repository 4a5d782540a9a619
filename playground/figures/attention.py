"""The attention heatmap: which earlier characters each character looks at.

Rows look, columns are looked at.  The scale is fixed at 0 to 1 so that two pictures can be
compared; cells above the diagonal are masked, not zero, and show as neutral grey.  Axes are
integers with tick text, because characters repeat.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures import template
from playground.figures.tokens import visible_all

Weights = NDArray[np.floating]


def figure(
    tokens: Sequence[str], weights: Weights | None = None, *, head: int = 0, heads: int = 1
) -> go.Figure:
    """One large heatmap of a head's weights, (T, T), rows summing to 1; no weights: an empty one.

    `heads` says how many hues the page needs for its thumbnails.
    """
    length = len(tokens)
    labels = visible_all(tokens)
    hues = [template.head_hue(index) for index in range(heads)]
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(length)),
        "ticktext": labels,
        "tickangle": 0,
        "ticklen": 2,
        "tickfont": {"family": template.MONOSPACE, "size": 9},
        "showgrid": False,
        "fixedrange": True,
    }
    result = go.Figure(
        go.Heatmap(
            z=None if weights is None else masked(weights),
            zmin=0,
            zmax=1,
            colorscale=[[0, "#ffffff"], [1, template.head_hue(head)[0]]],
            showscale=False,
            hoverongaps=False,
            hovertemplate="“%{y}” looks at “%{x}”: %{z:.2f}<extra></extra>",
        )
    )
    result.update_layout(
        template=template.TEMPLATE,
        plot_bgcolor=template.MASKED,
        margin={"l": 18, "r": 2, "t": 18, "b": 2},
        xaxis={**ticks, "side": "top", "range": [-0.5, length - 0.5]},
        yaxis={**ticks, "range": [length - 0.5, -0.5]},
        meta={"hues": [{"light": light, "dark": dark} for light, dark in hues]},
    )
    return result


def masked(weights: Weights) -> list[list[float | None]]:
    """The weights, (T, T), with None where a position cannot look because it lies ahead."""
    return [
        [round(float(w), 4) if column <= row else None for column, w in enumerate(line)]
        for row, line in enumerate(np.asarray(weights))
    ]


def pack(weights: Weights) -> str:
    """Weights of any shape as base64 of one byte each, 255 for 1.0: what the page unpacks."""
    scaled = np.rint(np.clip(np.nan_to_num(np.asarray(weights, dtype=float)), 0, 1) * 255)
    return base64.b64encode(scaled.astype(np.uint8).tobytes()).decode("ascii")


def summary(weights: Weights, tokens: Sequence[str]) -> str:
    """What one head does on this text, in a sentence: weights (T, T) with rows summing to 1.

    The first row is left out: it can only look at itself.  Distances are in characters, the
    entropy in nats: 0 when every position looks at one place, ln of the row when it looks evenly.
    """
    matrix = np.asarray(weights, dtype=float)
    length = len(tokens)
    if length < 2:
        return "One character has nothing to look back at."
    rows = np.arange(1, length)
    matrix = np.tril(matrix)[1:]
    back = rows[:, None] - np.arange(length)[None, :]
    distance = float((matrix * back).sum(1).mean())
    logs = np.log(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    entropy = float(-(matrix * logs).sum(1).mean())
    favourite = _favourite(matrix, tokens)
    what = f"Looks at {favourite}" if favourite else "Looks at no one kind of place"
    return f"{what}; mean distance {distance:.1f}, entropy {entropy:.1f} nats."


def _favourite(matrix: Weights, tokens: Sequence[str]) -> str | None:
    """The kind of place that gets most attention beyond its share of the places, if it gets much.

    matrix: (T - 1, T), the rows from the second position on.
    """
    length = matrix.shape[1]
    rows, columns = np.arange(1, length)[:, None], np.arange(length)[None, :]
    text = np.array([str(token) for token in tokens], dtype=object)
    before = np.concatenate([[None], text[:-1]])
    # Where a kind is a place, the more particular name comes first and wins a tie.
    kinds = {
        "the character before": columns == rows - 1,
        "itself": columns == rows,
        "the first position": columns == 0,
        "what followed this character earlier": (before == text[rows]) & (columns < rows),
        "earlier copies of this character": (text == text[rows]) & (columns < rows),
        "spaces": (text == " ") & (columns <= rows),
        "line breaks": (text == "\n") & (columns <= rows),
        "vowels": np.isin(text, list("aeiouAEIOU")) & (columns <= rows),
        "capital letters": np.array([t.isupper() for t in text]) & (columns <= rows),
        "punctuation": np.isin(text, list(",.;:!?'-&")) & (columns <= rows),
        "the last few characters": (columns < rows) & (columns >= rows - 4),
    }
    best, margin = None, 0.2
    for name, places in kinds.items():
        places = np.broadcast_to(places, matrix.shape)
        possible = places.any(1)
        if possible.sum() < max(2, (length - 1) // 4):
            continue
        share = (matrix * places).sum(1)[possible].mean()
        even = (places.sum(1) / (rows[:, 0] + 1))[possible].mean()
        if share >= 0.35 and share - even > margin + 1e-9:
            best, margin = f"{name} ({share:.0%})", share - even
    return best
