"""The loss chart without its points: its axes, the counted baselines, and the style of each curve.

The browser adds the points (`components/loss/traces.js`). Raw losses stand faint behind a debiased
moving average; validation losses are dots joined by a thin line; dashed lines, named at the right
edge, are the counting baselines. The y axis runs from just under the lowest of all these to ln V, the
loss of guessing, so that charts can be compared. Losses are in nats per character.

A run on pairs of lines is also judged by the share of lines that are exactly right: a second scale, at the
right, from 0 to 100 %, with the shares that need no learning. Its counted losses, of the answers' characters
alone, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from playground.figures import template
from playground.figures.right_words import share

SMOOTHING = 0.93
UNKNOWN = 4.0  # nats; the top of the axis while the loss of guessing is not known
SHARES = {"letters": "letter table"}  # names at the right edge, where they are others
LABEL_GAP = 0.06  # least distance between two labels at the right edge, as a share of the y range
SHARE_GAP = 0.1  # the same of shares, whose lines lie close together


class Smoother:
    """A debiased exponential moving average that takes one loss at a time.

    m = beta * m + (1 - beta) * loss, and the average is m / (1 - beta^t): without the division the
    first values would be biased towards zero (Adam's bias correction, Kingma and Ba 2015).
    A loss that is not finite leaves the average as it was.
    """

    def __init__(self, beta: float = SMOOTHING) -> None:
        self.beta = beta
        self._mean = 0.0
        self._weight = 0.0  # 1 - beta^t, summed step by step

    def add(self, loss: float) -> float:
        """The average after this loss, in the unit of the losses; nan until one was finite."""
        if math.isfinite(loss):
            self._mean = self.beta * self._mean + (1 - self.beta) * loss
            self._weight = self.beta * self._weight + (1 - self.beta)
        return self._mean / self._weight if self._weight else math.nan


def y_range(
    uniform: float, baselines: Mapping[str, float], floor: float | None
) -> tuple[float, float]:
    """Bottom and top of the y axis: just under the lowest baseline, and just above ln V."""
    low = min([*baselines.values(), uniform * 0.6, *([] if floor is None else [floor])])
    return low - 0.06 * (uniform - low), uniform + 0.04 * (uniform - low)


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Where labels for these values go so that neighbours stand at least `gap` apart.

    The lowest label stays at its value; higher ones move up only as far as they must.
    """
    places = [0.0] * len(values)
    taken = -math.inf
    for index in sorted(range(len(values)), key=lambda i: values[i]):
        taken = max(values[index], taken + gap)
        places[index] = taken
    return places


def empty(
    steps: int,
    uniform: float,
    baselines: Mapping[str, float],
    floor: float | None,
    known_right: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The chart without points, as JSON; charts with the same axes and baselines share one.

    steps: length of the x axis.  uniform: ln V.  baselines, floor: by name, drawn as dashed lines.
    known_right: of pairs, the shares right without learning, by name; None: of a text.
    """
    known = None if known_right is None else tuple(known_right.items())
    return _empty(steps, uniform, tuple(baselines.items()), floor, known)


def blank(steps: int, *, of_pairs: bool) -> dict[str, Any]:
    """The chart of a text, or of pairs, of which nothing is known yet: without any line."""
    made = _empty(steps, UNKNOWN, (), None, () if of_pairs else None)
    meta = made["layout"]["meta"] | {"label_y": []}
    return made | {"layout": made["layout"] | {"shapes": [], "annotations": [], "meta": meta}}


@lru_cache(maxsize=64)
def _empty(
    steps: int,
    uniform: float,
    baselines: tuple[tuple[str, float], ...],
    floor: float | None,
    known_right: tuple[tuple[str, float], ...] | None,
) -> dict[str, Any]:
    if known_right is not None:
        return template.as_json(pairs_figure(steps, uniform, dict(known_right)))
    return template.as_json(figure(steps, uniform, dict(baselines), floor))


def figure(
    steps: int, uniform: float, baselines: Mapping[str, float], floor: float | None = None
) -> go.Figure:
    """The chart as a plotly figure: an empty trace for the style of each curve, axes, baselines.

    Its `meta` holds the numbers that the browser needs when it changes the axes.
    """
    low, high = y_range(uniform, baselines, floor)
    lines = {"uniform": uniform, **{n: v for n, v in baselines.items() if n != "uniform"}}
    if floor is not None:
        lines["floor"] = floor
    labels = spread(list(lines.values()), LABEL_GAP * (high - low))
    result = go.Figure(
        data=[
            _curve("raw", "train", {"width": 1}, opacity=0.3, hoverinfo="skip"),
            _curve("smooth", "train", {"width": 2.4}, hovertemplate=_hover("train, smoothed")),
            _curve(
                "validation",
                "validation",
                {"width": 1.2},
                mode="lines+markers",
                marker={"size": 7},
                cliponaxis=False,  # the last dot stands whole on the edge
                hovertemplate=_hover("validation"),
            ),
            _curve(  # of a run that started from another one: its text
                "old",
                "old",
                {"width": 1.2, "dash": "dot"},
                mode="lines+markers",
                marker={"size": 6, "symbol": "square"},
                cliponaxis=False,
                hovertemplate=_hover("old text"),
            ),
        ]
    )
    result.update_layout(
        template=template.TEMPLATE,
        margin={"l": 36, "r": 96, "t": 4, "b": 24},
        hovermode="x",
        xaxis={"type": "linear", "range": [0, steps], "nticks": 8},
        yaxis={"type": "linear", "range": [low, high], "nticks": 8},
        shapes=[_baseline(name, value) for name, value in lines.items()],
        annotations=[
            _label(name, value, place)
            for (name, value), place in zip(lines.items(), labels, strict=True)
        ],
        meta={"steps": steps, "low": low, "high": high, "label_y": labels},
    )
    return result


def pairs_figure(steps: int, uniform: float, known_right: Mapping[str, float]) -> go.Figure:
    """The chart of a run on pairs: losses from 0 at the left, and the share exactly right at the right."""
    result = figure(steps, uniform, {})
    result.add_trace(
        _curve(
            "exact",
            "right",
            {"width": 2.4},
            mode="lines+markers",
            marker={"size": 7, "symbol": "diamond"},
            yaxis="y2",
            cliponaxis=False,
            hovertemplate="exactly right %{y:.1%}<extra></extra>",
        )
    )
    shares = {"all right": 1.0, **known_right}
    places = spread(list(shares.values()), SHARE_GAP)
    high = 1.04 * uniform
    result.update_layout(
        margin={"r": 150},
        yaxis={"range": [0, high]},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.04],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "tickformat": ".0%",
            "tickvals": [0.25, 0.5, 0.75],
        },
        meta={"steps": steps, "low": 0.0, "high": high, "label_y": [uniform, *places]},
    )
    guessing = {"x": 0, "xshift": 6, "yanchor": "top", "text": f"loss of guessing {uniform:.2f}"}
    result.layout.shapes = [
        _baseline("uniform", uniform),
        *(_baseline(name, part) | {"yref": "y2"} for name, part in shares.items()),
    ]
    result.layout.annotations = [
        _label("uniform", uniform, uniform) | guessing,
        *(
            _label(name, part, place)
            | {"text": f"{SHARES.get(name, name)} {share(part)}", "yref": "y2"}
            for (name, part), place in zip(shares.items(), places, strict=True)
        ),
    ]
    return result


def _curve(curve: str, colour: str, line: dict[str, Any], **style: Any) -> go.Scatter:
    """The style of one curve of every run; colour: a name of style/colours.css, `--chart-NAME`."""
    meta = {"curve": curve, "colour": colour}
    return go.Scatter(x=[], y=[], meta=meta, line=line, **{"mode": "lines", **style})


def _hover(name: str) -> str:
    return f"{name} %{{y:.3f}}<extra></extra>"


def _baseline(name: str, value: float) -> dict[str, Any]:
    colour = template.FLOOR if name == "floor" else template.BASELINE
    return {
        "name": name,
        "type": "line",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": colour, "width": 1, "dash": "4px,3px"},
    }


def _label(name: str, value: float, place: float) -> dict[str, Any]:
    return {
        "name": name,
        "text": f"{name} {value:.2f}",
        "xref": "paper",
        "x": 1,
        "xanchor": "left",
        "xshift": 8,
        "y": place,
        "showarrow": False,
        "font": {"size": 11},
    }
