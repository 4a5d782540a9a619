"""The attention heatmap without its cells, and a head's weights in words.

Rows look, columns are looked at.  The scale is fixed at 0 to 1 so that two pictures can be
compared.  The browser fills in the cells (`components/heat_map.js`): those that the mask forbids are
empty, not zero.  Axes are integers with tick text, because characters repeat.
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
Mask = NDArray[np.bool_]


def figure(tokens: Sequence[str], heads: int = 1) -> go.Figure:
    """An empty heatmap for T tokens; its `meta` holds a hue for each head, on light and dark pages."""
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
            zmin=0,
            zmax=1,
            showscale=False,
            hoverongaps=False,
            hovertemplate="“%{y}” looks at “%{x}”: %{z:.2f}<extra></extra>",
        )
    )
    result.update_layout(
        template=template.TEMPLATE,
        margin={"l": 18, "r": 2, "t": 18, "b": 2},
        xaxis={**ticks, "side": "top", "range": [-0.5, length - 0.5]},
        yaxis={**ticks, "range": [length - 0.5, -0.5]},
        meta={"hues": [{"light": light, "dark": dark} for light, dark in hues]},
    )
    return result


def pack(weights: Weights) -> str:
    """Weights of any shape as base64 of one byte each, 255 for 1.0; the page unpacks them."""
    scaled = np.rint(np.clip(np.nan_to_num(np.asarray(weights, dtype=float)), 0, 1) * 255)
    return base64.b64encode(scaled.astype(np.uint8).tobytes()).decode("ascii")


def summary(weights: Weights, tokens: Sequence[str], mask: Mask) -> str:
    """What one head does on T tokens, in a sentence.

    weights: (T, T), rows summing to 1.  mask: (T, T), True where a row may look.  Rows that may look at
    a single position say nothing about the head and are left out.  Distances are in tokens, the entropy
    in nats: 0 when a row looks at one position, ln n when it looks evenly at n.
    """
    mask = np.asarray(mask, dtype=bool)
    rows = np.flatnonzero(mask.sum(axis=1) > 1)
    if not len(rows):
        return "No position has a choice: each may look at one place only."
    matrix = np.where(mask, np.asarray(weights, dtype=float), 0)[rows]  # (R, T)
    distances = np.abs(rows[:, None] - np.arange(len(tokens)))
    distance = float((matrix * distances).sum(1).mean())
    logs = np.log(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    entropy = float(-(matrix * logs).sum(1).mean())
    favourite = _favourite(matrix, tokens, mask[rows], rows)
    verb = f"Looks at {favourite}" if favourite else "Looks at no one kind of place"
    return f"{verb}; mean distance {distance:.1f}, entropy {entropy:.1f} nats."


def _favourite(
    matrix: Weights, tokens: Sequence[str], mask: Mask, rows: NDArray[np.integer]
) -> str | None:
    """The kind of place that gets most attention beyond its share of the places, if it gets much.

    matrix, mask: (R, T), of the rows that have a choice.  rows: (R,), their positions.
    """
    at, columns = rows[:, None], np.arange(len(tokens))[None, :]
    text = np.array([str(token) for token in tokens], dtype=object)
    before = np.concatenate([[None], text[:-1]])
    # The more particular name comes first and wins a tie.
    kinds = {
        "the character before": columns == at - 1,
        "itself": columns == at,
        "the first position": columns == 0,
        "what followed this character earlier": (before == text[at]) & (columns < at),
        "earlier copies of this character": (text == text[at]) & (columns < at),
        "spaces": text == " ",
        "line breaks": text == "\n",
        "vowels": np.isin(text, list("aeiouAEIOU")),
        "capital letters": np.array([t.isupper() for t in text]),
        "punctuation": np.isin(text, list(",.;:!?'-&")),
        "the last few characters": (columns < at) & (columns >= at - 4),
    }
    best, margin = None, 0.2
    for name, places in kinds.items():
        places = places & mask
        possible = places.any(1)
        if possible.sum() < max(2, (len(tokens) - 1) // 4):
            continue
        share = (matrix * places).sum(1)[possible].mean()
        even = (places.sum(1) / mask.sum(1))[possible].mean()
        if share >= 0.35 and share - even > margin + 1e-9:
            best, margin = f"{name} ({share:.0%})", share - even
    return best
