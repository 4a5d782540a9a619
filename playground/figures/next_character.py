"""All that a bigram knows: a table of next characters, the learned one beside the counted one.

Rows are the present character, columns the next one; both tables share the scale 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures import template
from playground.figures.tokens import visible, visible_all

LANDMARKS = " AIOTaeiotz"


def figure(
    learned: NDArray[np.floating], counted: NDArray[np.floating], characters: Sequence[str]
) -> go.Figure:
    """The learned and the counted table, (V, V) each, rows summing to 1, side by side."""
    labels = visible_all(characters)
    light, dark = template.head_hue(0)
    landmarks = [visible(c) for c in characters if c in LANDMARKS] or [labels[0], labels[-1]]
    result = go.Figure()
    for index, table in enumerate((learned, counted)):
        result.add_trace(
            go.Heatmap(
                x=labels,
                y=labels,
                z=np.round(np.asarray(table, dtype=np.float32), 4),
                zmin=0,
                zmax=1,
                showscale=False,
                xaxis=f"x{index + 1}" if index else "x",
                yaxis=f"y{index + 1}" if index else "y",
                hovertemplate=f"{('learned', 'counted')[index]}: after “%{{y}}” comes "
                "“%{x}” with %{z:.1%}<extra></extra>",
            )
        )
    ticks = {
        "tickmode": "array",
        "type": "category",
        "tickvals": landmarks,
        "ticktext": landmarks,
        "tickangle": 0,
        "ticklen": 2,
        "tickfont": {"family": template.MONOSPACE, "size": 9},
        "showgrid": False,
        "showline": True,
        "mirror": True,
        "linecolor": template.GRID,
        "fixedrange": True,
    }
    size = len(characters)
    across = {**ticks, "side": "bottom", "range": [-0.5, size - 0.5]}
    down = {**ticks, "range": [size - 0.5, -0.5]}
    result.update_layout(
        template=template.TEMPLATE,
        margin={"l": 18, "r": 2, "t": 18, "b": 16},
        xaxis={**across, "domain": [0, 0.48]},
        xaxis2={**across, "domain": [0.52, 1], "anchor": "y2"},
        yaxis=down,
        yaxis2={**down, "anchor": "x2", "showticklabels": False},
        annotations=[_title("learned", 0.24), _title("counted", 0.76)],
        meta={"hues": [{"light": light, "dark": dark}]},
    )
    return result


def summary(
    learned: NDArray[np.floating], counted: NDArray[np.floating], characters: Sequence[str]
) -> str:
    """The distance of the learned table from the counted one, and the most probable pair learned."""
    learned, counted = np.asarray(learned, dtype=float), np.asarray(counted, dtype=float)
    difference = float(np.abs(learned - counted).mean())
    row, column = divmod(int(learned.argmax()), learned.shape[1])
    return (
        f"Mean absolute difference {difference:.3f} per cell. The most probable pair: after "
        f"“{visible(characters[row])}” comes “{visible(characters[column])}” with "
        f"{learned[row, column]:.0%} (counted {counted[row, column]:.0%})."
    )


def _title(text: str, x: float) -> dict[str, Any]:
    return {
        "text": text,
        "x": x,
        "xref": "paper",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 1,
        "showarrow": False,
        "font": {"size": 11},
    }
