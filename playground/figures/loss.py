"""The loss chart: how far the model has come, against what counting alone achieves.

Raw losses stand faint behind a debiased moving average; validation losses are dots joined by a
thin line; dashed lines, named at the right edge, are the counting baselines.  The y axis runs from
just under the lowest of all these to ln V, the loss of guessing, so that charts can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from playground.figures import template

SMOOTHING = 0.93
X_TITLES = {"step": "step", "tokens": "tokens seen", "seconds": "seconds of training"}
LABEL_GAP = 0.06  # least distance between two labels at the right edge, as a share of the y range


class Smoother:
    """A debiased exponential moving average that takes one loss at a time.

    m = beta * m + (1 - beta) * loss, and the result is m / (1 - beta^t): without the division the
    first values would lean towards zero (Adam's bias correction, Kingma and Ba 2015).
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


def smooth(losses: ArrayLike, beta: float = SMOOTHING) -> NDArray[np.float64]:
    """The debiased exponential moving average of the losses, (N,) -> (N,)."""
    smoother = Smoother(beta)
    return np.array([smoother.add(float(loss)) for loss in np.asarray(losses, dtype=float)])


def y_range(
    uniform: float,
    baselines: Mapping[str, float] | None = None,
    floor: float | None = None,
    best: float | None = None,
) -> tuple[float, float]:
    """Bottom and top of the y axis in nats: just under the lowest value shown, up to ln V."""
    known = [*(baselines or {}).values(), floor, best]
    values = [value for value in known if value is not None and math.isfinite(value)]
    low = min([*values, uniform * 0.6])
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
    tokens_per_step: int = 1,
) -> dict[str, Any]:
    """The chart of a run to be as JSON, for the feed to fill: runs of one kind share one."""
    return _empty(steps, uniform, tuple(baselines.items()), floor, tokens_per_step)


@lru_cache(maxsize=64)
def _empty(
    steps: int,
    uniform: float,
    baselines: tuple[tuple[str, float], ...],
    floor: float | None,
    tokens_per_step: int,
) -> dict[str, Any]:
    return template.as_json(
        figure(
            steps=steps,
            uniform=uniform,
            baselines=dict(baselines),
            floor=floor,
            tokens_per_step=tokens_per_step,
        )
    )


def figure(
    *,
    steps: int,
    uniform: float,
    baselines: Mapping[str, float] | None = None,
    floor: float | None = None,
    tokens_per_step: int = 1,
    train: Mapping[str, Sequence[float]] | None = None,
    validation: Mapping[str, Sequence[float]] | None = None,
    rate_changes: Sequence[tuple[int, float]] = (),
    x: str = "step",
    log_x: bool = False,
    log_y: bool = False,
) -> go.Figure:
    """The loss chart of one run; with no `train` and `validation`, the empty chart of a run to be.

    steps: how many the run will take.  uniform: ln V.  baselines, floor: nats per character.
    train, validation: columns "step", "loss" and, for x="seconds", "seconds" of training time.
    rate_changes: (step, new learning rate).  x: one of "step", "tokens", "seconds".
    """
    train, validation = train or {}, validation or {}
    raw = np.asarray(train.get("loss", ()), dtype=float)
    best = min(validation.get("loss", ()), default=None)
    low, high = y_range(uniform, baselines, floor, best)
    length = _length(x, steps, tokens_per_step, train, validation)
    lines = {"uniform": uniform, **{n: v for n, v in (baselines or {}).items() if n != "uniform"}}
    if floor is not None:
        lines["floor"] = floor
    labels = spread(list(lines.values()), LABEL_GAP * (high - low))

    train_x = _positions(x, train, tokens_per_step)
    traces = [
        _line("ghost", "previous run", [], [], width=2, opacity=0.4, colour="train"),
        _line("raw", "train, each step", train_x, raw, width=1, opacity=0.3, colour="train"),
        _line("smooth", "train, smoothed", train_x, smooth(raw), width=2.4, colour="train"),
        _line(
            "validation",
            "validation",
            _positions(x, validation, tokens_per_step),
            np.asarray(validation.get("loss", ()), dtype=float),
            width=1.2,
            colour="validation",
            dots=True,
        ),
    ]
    result = go.Figure(data=traces)
    result.update_layout(
        template=template.TEMPLATE,
        margin={"l": 36, "r": 96, "t": 4, "b": 24},
        hovermode="x",
        uirevision="keep",
        xaxis=_axis([1 if log_x else 0, length], log_x, title=None),
        yaxis=_axis([max(low, 1e-3) if log_y else low, high], log_y, title=None),
        shapes=[_baseline(name, value) for name, value in lines.items()],
        annotations=[
            _label(name, value, math.log10(place) if log_y else place)
            for (name, value), place in zip(lines.items(), labels, strict=True)
        ],
        meta={
            "steps": steps,
            "tokens_per_step": tokens_per_step,
            "low": low,
            "high": high,
            "label_y": labels,
            "x_titles": X_TITLES,
        },
    )
    for step, rate in rate_changes:
        _mark_rate(result, _positions(x, {"step": [step]}, tokens_per_step), rate)
    return result


def summary(
    *,
    validation: Mapping[str, Sequence[float]],
    train_smoothed: float | None = None,
    baselines: Mapping[str, float] | None = None,
    floor: float | None = None,
    finished: bool = False,
) -> str:
    """One sentence on where the run stands.

    validation: columns "step" and "loss" in order.  train_smoothed: the smoothed train loss now.
    """
    steps, losses = list(validation.get("step", ())), list(validation.get("loss", ()))
    if not losses:
        if train_smoothed is None or not math.isfinite(train_smoothed):
            return "Nothing measured yet."
        return f"Train loss {train_smoothed:.2f}; the first evaluation is still to come."
    last, best = losses[-1], min(losses)
    rising = last > best + 0.02
    parts = [_direction(last, losses, rising, finished, int(steps[losses.index(best)]))]
    parts += _against_counting(steps, losses, best, baselines or {})
    if floor is not None:
        parts.append(f"{max(last - floor, 0):.2f} above the floor no model can beat")
    if train_smoothed is not None and math.isfinite(train_smoothed) and steps[-1] > 0:
        parts.append(_gap(last - train_smoothed, rising))
    return "; ".join(parts) + "."


def _direction(
    last: float, losses: Sequence[float], rising: bool, finished: bool, best_step: int
) -> str:
    start = f"Validation {'ended at ' if finished else ''}{last:.2f}"
    if rising:
        return f"{start}, up from its best, {min(losses):.2f} at step {best_step:,}"
    if finished or len(losses) < 2:
        return start
    recent = losses[-min(len(losses), 3)]
    return f"{start} and {'falling' if recent - last > 0.005 else 'level'}"


def _against_counting(
    steps: Sequence[float], losses: Sequence[float], best: float, baselines: Mapping[str, float]
) -> list[str]:
    beaten = [name for name, value in baselines.items() if best < value and name != "uniform"]
    ahead = [name for name, value in baselines.items() if best >= value and name != "uniform"]
    parts = []
    if beaten:
        name = min(beaten, key=baselines.__getitem__)
        first = next(s for s, loss in zip(steps, losses, strict=True) if loss < baselines[name])
        parts.append(f"it passed the {name} by step {int(first):,}")
    if ahead:
        name = max(ahead, key=baselines.__getitem__)
        parts.append(f"the {name} at {baselines[name]:.2f} is still ahead")
    return parts


def _gap(gap: float, rising: bool) -> str:
    gap = round(gap, 2) + 0.0  # no -0.00
    if rising and gap > 0.1:
        return f"gap to train {gap:.2f} while validation rises: it is overfitting"
    if gap > 0.15:
        return f"gap to train {gap:.2f}: it begins to know its text by heart"
    return f"gap to train {gap:.2f}: no sign of overfitting"


def _positions(
    x: str, columns: Mapping[str, Sequence[float]], tokens_per_step: int
) -> NDArray[np.float64]:
    if x == "seconds":
        return np.asarray(columns.get("seconds", ()), dtype=float)
    return np.asarray(columns.get("step", ()), dtype=float) * (
        tokens_per_step if x == "tokens" else 1
    )


def _length(
    x: str,
    steps: int,
    tokens_per_step: int,
    train: Mapping[str, Sequence[float]],
    validation: Mapping[str, Sequence[float]],
) -> float:
    if x == "seconds":
        seconds = [*train.get("seconds", ()), *validation.get("seconds", ())]
        return max([*seconds, 1.0])
    return float(steps * (tokens_per_step if x == "tokens" else 1))


def _line(
    role: str,
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: float,
    colour: str,
    opacity: float = 1.0,
    dots: bool = False,
) -> go.Scatter:
    paint = {"train": template.TRAIN, "validation": template.VALIDATION}[colour]
    return go.Scatter(
        name=name,
        meta={"role": role, "colour": colour},
        x=x,
        y=y,
        mode="lines+markers" if dots else "lines",
        line={"color": paint, "width": width},
        marker={"color": paint, "size": 7} if dots else None,
        cliponaxis=not dots,  # the last dot stands whole on the edge
        opacity=opacity,
        hoverinfo="skip" if role in ("raw", "ghost") else None,
        hovertemplate=None if role in ("raw", "ghost") else f"{name} %{{y:.3f}}<extra></extra>",
    )


def _axis(limits: list[float], log: bool, title: str | None) -> dict[str, Any]:
    if not log:
        return {"type": "linear", "range": limits, "title": title, "nticks": 8}
    return {"type": "log", "range": [math.log10(v) for v in limits], "title": title}


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


def _mark_rate(result: go.Figure, x: NDArray[np.float64], rate: float) -> None:
    if len(x) == 0:
        return
    result.add_shape(
        name="rate",
        type="line",
        layer="below",
        yref="paper",
        x0=x[0],
        x1=x[0],
        y0=0,
        y1=1,
        line={"color": template.BASELINE, "width": 1, "dash": "dot"},
    )
    on_log = result.layout.xaxis.type == "log"
    result.add_annotation(
        name="rate",
        text=f"rate {rate:.2g}",
        yref="paper",
        x=math.log10(max(x[0], 1)) if on_log else x[0],
        y=0.92,
        xanchor="left",
        yanchor="top",
        xshift=3,
        showarrow=False,
        font={"size": 10},
    )
