"""All that a bigram knows: a table of next tokens, the model's beside the counted one.

Rows are the present token, columns the next one; both tables share the scale 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures import template
from playground.figures.tokens import visible, visible_all

LEARNED = ("learned", "counted")  # the names of the two tables
COUNTED = ("smoothed counts", "raw counts")  # the same of a model that counts, and learns nothing
LANDMARKS = " AIOTaeiotz"  # of characters
TICKS, MOST_LETTERS = 8, 5  # of pieces: how many have a name at the edge, and how much of it


def figure(
    learned: NDArray[np.floating],
    counted: NDArray[np.floating],
    tokens: Sequence[str],
    names: tuple[str, str] = LEARNED,
) -> go.Figure:
    """The model's table and the counted one, (V, V) each, rows summing to 1, side by side under their names."""
    labels = visible_all(tokens)
    light, dark = template.head_hue(0)
    landmarks = _landmarks(tokens)
    letters = [name[:MOST_LETTERS] for name in landmarks]
    longest = max(map(len, letters))
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
                hovertemplate=f"{names[index]}: after “%{{y}}” comes "
                "“%{x}” with %{z:.1%}<extra></extra>",
            )
        )
    ticks = {
        "tickmode": "array",
        "type": "category",
        "tickvals": landmarks,
        "ticktext": letters,
        "tickangle": 0 if longest == 1 else -90,
        "ticklen": 2,
        "tickfont": {"family": template.MONOSPACE, "size": 9},
        "showgrid": False,
        "showline": True,
        "mirror": True,
        "linecolor": template.GRID,
        "fixedrange": True,
    }
    size = len(tokens)
    across = {**ticks, "side": "bottom", "range": [-0.5, size - 0.5]}
    down = {**ticks, "tickangle": 0, "range": [size - 0.5, -0.5]}
    result.update_layout(
        template=template.TEMPLATE,
        margin={"l": 12 + 6 * longest, "r": 2, "t": 18, "b": 10 + 6 * longest},
        xaxis={**across, "domain": [0, 0.48]},
        xaxis2={**across, "domain": [0.52, 1], "anchor": "y2"},
        yaxis=down,
        yaxis2={**down, "anchor": "x2", "showticklabels": False},
        annotations=[_title(names[0], 0.24), _title(names[1], 0.76)],
        meta={"hues": [{"light": light, "dark": dark}]},
    )
    return result


def summary(
    learned: NDArray[np.floating],
    counted: NDArray[np.floating],
    tokens: Sequence[str],
    names: tuple[str, str] = LEARNED,
) -> str:
    """The distance of the model's table from the counted one, and the model's most probable pair."""
    learned, counted = np.asarray(learned, dtype=float), np.asarray(counted, dtype=float)
    difference = float(np.abs(learned - counted).mean())
    row, column = divmod(int(learned.argmax()), learned.shape[1])
    return (
        f"Mean absolute difference {difference:.3f} per cell. The most probable pair: after "
        f"“{visible(tokens[row])}” comes “{visible(tokens[column])}” with "
        f"{learned[row, column]:.0%} ({names[1]} {counted[row, column]:.0%})."
    )


def _landmarks(tokens: Sequence[str]) -> list[str]:
    """The labels of the ticks: letters that everybody finds, or of pieces some that are evenly spaced."""
    if all(len(token) == 1 for token in tokens):
        found = [visible(token) for token in tokens if token in LANDMARKS]
        return found or visible_all([tokens[0], tokens[-1]])
    return visible_all(tokens[:: max(1, -(-len(tokens) // TICKS))])


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
