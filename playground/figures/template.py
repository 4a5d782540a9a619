"""The look every figure shares: small, transparent, and readable by colour-blind eyes.

plotly's own template adds 6.5 KB to each figure; this one is a few hundred bytes. Colours that
differ on a dark page stand in `style/colours.css`, and the browser puts them in.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

INK = "#5d6679"
GRID = "rgba(127, 133, 150, 0.22)"
BASELINE = "rgba(127, 133, 150, 0.85)"
FLOOR = "#009e73"

# One hue a head, the same everywhere: Okabe and Ito's palette, with a lighter twin for dark pages.
HEAD_HUES: tuple[tuple[str, str], ...] = (
    ("#1b55c8", "#8fb0ff"),
    ("#c24e00", "#ff9f66"),
    ("#007d5b", "#4fd1a8"),
    ("#a64d84", "#ec9fca"),
    ("#9a6a00", "#f2c14e"),
    ("#0b7fb5", "#6fcaf5"),
)

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 40, "r": 12, "t": 6, "b": 26},
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "xaxis": {"gridcolor": GRID, "zeroline": False, "showline": False},
        "yaxis": {"gridcolor": GRID, "zeroline": False, "showline": False},
    }
)


def head_hue(head: int) -> tuple[str, str]:
    """The colours of an attention head on a light and on a dark page; they repeat after six."""
    return HEAD_HUES[head % len(HEAD_HUES)]


def in_base64(array: np.ndarray) -> str:
    """The bytes of an array as text; the page unpacks them."""
    return base64.b64encode(array.tobytes()).decode("ascii")


def as_json(figure: go.Figure) -> dict[str, Any]:
    """The figure as plain JSON data, numpy arrays packed the way plotly.js unpacks them."""
    text = figure.to_json()
    assert text is not None
    return json.loads(text)
