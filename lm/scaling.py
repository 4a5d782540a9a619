"""A law of sizes: the loss of models that read the same tokens, as a function of their parameters.

    L(N) = E + (N₀ / N)^α

E is the loss that no size would beat, with this text and so many tokens; α says how fast larger models come
near it (Kaplan et al. 2020; Hoffmann et al. 2022, "Training compute-optimal large language models", whose law
has another term for the tokens). A handful of runs tells three numbers weakly, and this file says how weakly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST = 4  # points, with three unknowns
SPAN = 10.0  # largest size to smallest
AHEAD = 10  # so many times the largest size is predicted
STEEPEST, FLATTEST = 3.0, 0.01  # bounds of α


@dataclass(frozen=True)
class Fit:
    """The curve through some points.

    floor, scale, exponent: E in nats per character, N₀ in parameters, α. floor_error, exponent_error: one
    standard error, from the scatter of the points about the curve, linearised at the fit; None if there are no
    more points than unknowns. doubts: why it is not to be trusted; () if nothing speaks against it.
    """

    sizes: tuple[float, ...]
    losses: tuple[float, ...]
    floor: float
    scale: float
    exponent: float
    floor_error: float | None
    exponent_error: float | None
    doubts: tuple[str, ...]
    centre: float  # ln N at which the curve is pinned down
    log_height: float  # ln of the part above the floor, there
    covariance: tuple[tuple[float, ...], ...] | None  # of E, that logarithm, α

    def loss(self, size: float) -> float:
        """L(N)."""
        return self.floor + self._above(size)

    def error(self, size: float) -> float | None:
        """One standard error of L(N)."""
        if self.covariance is None:
            return None
        above = self._above(size)
        slope = np.array([1.0, above, -above * (math.log(size) - self.centre)])
        return float(np.sqrt(max(0.0, slope @ np.array(self.covariance) @ slope)))

    def _above(self, size: float) -> float:
        return math.exp(self.log_height - self.exponent * (math.log(size) - self.centre))

    @property
    def ahead(self) -> float:
        """The size that is predicted: ten times the largest."""
        return AHEAD * max(self.sizes)


def fit(sizes: Sequence[float], losses: Sequence[float]) -> Fit | None:
    """The curve with the smallest squared distance to the points; None of fewer than three sizes.

    sizes: parameters, above 0. losses: nats per character. The search begins at the best of
    thirty values of α, because there are other minima.
    """
    known = sorted(
        (float(n), float(loss))
        for n, loss in zip(sizes, losses, strict=True)
        if n > 0 and math.isfinite(loss)
    )
    N, L = np.array([n for n, _ in known]), np.array([loss for _, loss in known])
    if len(set(N)) < 3:
        return None
    n = np.log(N)
    centre = float(n.mean())
    best = _smallest_distance(n - centre, L)
    floor, height, exponent = best.x
    covariance = _covariance(best, len(L))
    errors = None if covariance is None else np.sqrt(np.maximum(0, np.diag(covariance)))
    return Fit(
        sizes=tuple(N),
        losses=tuple(L),
        floor=float(floor),
        scale=math.exp(min(700.0, centre + height / exponent)),
        exponent=float(exponent),
        floor_error=None if errors is None else float(errors[0]),
        exponent_error=None if errors is None else float(errors[2]),
        doubts=tuple(_doubts(N, L, best, errors)),
        centre=centre,
        log_height=float(height),
        covariance=None if covariance is None else tuple(map(tuple, covariance.tolist())),
    )


def _smallest_distance(n: np.ndarray, L: np.ndarray) -> Any:
    """The least squares; n: ln N about its mean, (P,). Unknown: E, ln of the part above it at n = 0, α."""
    from scipy.optimize import least_squares  # its import takes longer than most commands

    def distances(x: np.ndarray) -> np.ndarray:
        return x[0] + np.exp(x[1] - x[2] * n) - L

    def slopes(x: np.ndarray) -> np.ndarray:
        curve = np.exp(x[1] - x[2] * n)
        return np.stack([np.ones_like(n), curve, -curve * n], axis=1)

    lowest = max(float(L.min()), 1e-9)
    bounds = [0.0, -30.0, FLATTEST], [lowest, 30.0, STEEPEST]
    starts = [
        _given_exponent(alpha, n, L, lowest) for alpha in np.geomspace(FLATTEST, STEEPEST, 30)
    ]
    begin = min(starts, key=lambda x: float((distances(x) ** 2).sum()))
    tight = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
    return least_squares(distances, np.clip(begin, *bounds), slopes, bounds, max_nfev=2000, **tight)


def _given_exponent(alpha: float, n: np.ndarray, L: np.ndarray, lowest: float) -> np.ndarray:
    """The best unknowns with this α, in closed form: the curve is linear in the other two."""
    curve = np.exp(-alpha * n)
    floor = np.linalg.lstsq(np.stack([np.ones_like(n), curve], axis=1), L, rcond=None)[0][0]
    floor = min(max(floor, 0.0), lowest)
    height = max(float(curve @ (L - floor) / (curve @ curve)), 1e-12)
    return np.array([floor, math.log(height), alpha])


def _covariance(best: Any, count: int) -> np.ndarray | None:
    """(3, 3), of the three unknowns; None without a point to spare, or if they cannot be told apart."""
    spare = count - 3
    if spare < 1:
        return None
    scatter = 2 * best.cost / spare  # variance about the curve
    try:
        inverse = np.linalg.inv(best.jac.T @ best.jac)
    except np.linalg.LinAlgError:
        return None
    return scatter * inverse if np.isfinite(inverse).all() else None


def _doubts(N: np.ndarray, L: np.ndarray, best: Any, errors: np.ndarray | None) -> list[str]:
    """Why a fit is not to be trusted."""
    floor, _, exponent = best.x
    told = []
    if len(N) < FEWEST:
        told.append(f"{len(N)} points for three unknowns leave nothing to check it by")
    if N[-1] / N[0] < SPAN:
        told.append(
            f"the sizes span a factor of {N[-1] / N[0]:.2g}, and a law needs {SPAN:.0f} at least"
        )
    if not best.success:
        told.append("the fit did not converge")
    if floor < 1e-3 * L.min():
        told.append(
            "the floor E came out at its bound, 0: the points do not show where the curve flattens"
        )
    if exponent > 0.999 * STEEPEST or exponent < 1.001 * FLATTEST:
        told.append(f"α came out at its bound, {exponent:.2g}")
    if L.argmin() != len(L) - 1:
        told.append(
            "the largest model does not have the lowest loss, so larger ones need not have, either"
        )
    if errors is None:
        told.append("its uncertainty is not known")
    elif errors[0] > 0.5 * (L.max() - L.min()):
        told.append(f"the floor is only known to ± {errors[0]:.2g}")
    return told


def sentence(found: Fit | None) -> str:
    """The law, its prediction for ten times the largest size, and whether to trust it."""
    if found is None:
        return "A law of sizes needs the losses of three sizes at least."
    error = found.error(found.ahead)
    law = (
        f"L(N) = {_told(found.floor, found.floor_error)} + (N₀/N)^α, with "
        f"α = {_told(found.exponent, found.exponent_error)} and N₀ = {_size(found.scale)}"
    )
    ahead = (
        f"{found.ahead:,.0f} parameters, ten times the largest, trained on as many tokens, would reach "
        f"{_told(found.loss(found.ahead), error)} nats per character"
    )
    said = f"{law}. By this law, {ahead}"
    if error is not None:
        said += " (± one standard error, from the scatter of the points about the curve)"
    if found.doubts:
        return f"{said}. Do not trust it: {'; '.join(found.doubts)}."
    return f"{said}."


def brief(found: Fit) -> str:
    """The same in few words, its doubts first, for where there is little room."""
    law = (
        f"L(N) = {_told(found.floor, found.floor_error)} + (N₀/N)^α, α = "
        f"{_told(found.exponent, found.exponent_error)}, N₀ = {_size(found.scale)}. Ten times the largest "
        f"would reach {_told(found.loss(found.ahead), found.error(found.ahead))} on as many tokens."
    )
    return f"Do not trust this law: {'; '.join(found.doubts)}. {law}" if found.doubts else law


def _told(number: float, error: float | None) -> str:
    """A number with its error, and with as many digits as the error has, three to five."""
    if error is None:
        return f"{number:.3f}"
    digits = 3 if error >= 5e-4 else 4 if error >= 5e-5 else 5
    return f"{number:.{digits}f} ± {error:.{digits}f}"


def _size(number: float) -> str:
    """A size with three digits: 5,280; 0.0312; 3.1e+20."""
    return f"{float(f'{number:.3g}'):,.0f}" if 100 <= number < 1e15 else f"{number:.3g}"
