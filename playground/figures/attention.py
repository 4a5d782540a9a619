"""The attention heatmap without its cells; `head_words.py` has a head's weights in words.

Rows look, columns are looked at. The scale is fixed at 0 to 1 so that two pictures can be
compared. The browser fills in the cells (`components/inside/heat_map.js`): those that the mask forbids are
empty, not zero. Axes are integers with tick text, because characters repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures import template
from playground.figures.tokens import visible_all

MOST_LETTERS = 8  # of a piece that the margins have room for
Weights = NDArray[np.floating]


def figure(
    tokens: Sequence[str], heads: int = 1, columns: Sequence[str] | None = None
) -> go.Figure:
    """An empty heatmap for T tokens; its `meta` holds a hue for each head, on light and dark pages.

    columns: the tokens that are looked at, if they are others.
    """
    columns = tokens if columns is None else columns
    longest = max(map(len, [*tokens, *columns]), default=1)
    room, across = 18, 0
    if longest > 1:  # pieces: upright above, with room for their letters
        room, across = 8 + round(5.6 * min(longest, MOST_LETTERS)), -90
    hues = [template.head_hue(index) for index in range(heads)]
    ticks = {
        "tickmode": "array",
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
        margin={"l": room, "r": 2, "t": room, "b": 2},
        xaxis={**ticks, **_labels(columns), "tickangle": across, "side": "top"},
        yaxis={**ticks, **_labels(tokens), "range": [len(tokens) - 0.5, -0.5]},
        meta={"hues": [{"light": light, "dark": dark} for light, dark in hues]},
    )
    return result


def _labels(tokens: Sequence[str]) -> dict[str, Any]:
    """The part of an axis that names its tokens."""
    return {
        "tickvals": list(range(len(tokens))),
        "ticktext": visible_all(tokens),
        "range": [-0.5, len(tokens) - 0.5],
    }


def pack(weights: Weights) -> str:
    """Weights of any shape as base64 of one byte each, 255 for 1.0; the page unpacks them."""
    scaled = np.rint(np.clip(np.nan_to_num(np.asarray(weights, dtype=float)), 0, 1) * 255)
    return template.in_base64(scaled.astype(np.uint8))
