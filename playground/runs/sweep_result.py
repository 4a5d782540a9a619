"""The result of a sweep so far, as the page draws it: the loss of each point and, of sizes, the fitted law."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lm import scaling
from lm.errors import Problem, RunProblem
from lm.ladder import RUNGS
from lm.runs import sweeps
from lm.runs.comparing import value
from lm.runs.facts import Facts
from lm.runs.sweeps import SavedPoint, Sweep
from lm.settings import Naming
from playground.runs.library import INCLUDED
from playground.runs.sweeping import Begun, Sweeping

DRAWN = 60  # points of the fitted curve


class SweepResults:
    """Answers the questions of the card."""

    def __init__(self, sweeping: Sweeping) -> None:
        self.sweeping = sweeping
        self.library = sweeping.library
        self.services = sweeping.services

    def state(self, asked: Any) -> dict[str, Any]:
        """The sweep with the key `asked`, or the first that there is.

        {"sweep": key or None, "sweeps": [[key, title], ...], "title", "kind", "axis", "numbers": whether values
        are numbers, "points": [{"run", "title", "x", "other", "parameters", "loss", "status", "problem"}],
        "law": {"curve": [[N, loss, low, high], ...]} or None, "words", "live"}; or {"error", "sweeps"}.
        """
        known = self.sweeping.known()
        own = [key for key in self.sweeping.begun if key == asked and key not in known]
        titled = [[key, told] for key in [*own, *known] if (told := self._title(key))]
        key = str(asked) if asked else next((key for key, _ in titled), None)
        if key is None:
            return {"sweep": None, "sweeps": []}
        try:
            return {"sweep": key, "sweeps": titled, **self._told(key)}
        except Problem as problem:
            return {"error": str(problem), "sweeps": titled}

    def _title(self, key: str) -> str | None:
        try:
            found = sweeps.saved(self.sweeping.folder(key))
        except Problem:
            return None
        return None if found is None else self._name(found, key)

    def _name(self, found: Sweep, key: str) -> str:
        rung = RUNGS.get(found.model)
        varied = " and ".join(map(self._named(found), found.varied))
        what = "sizes" if found.kind == "scale" else varied
        included = "included: " if key.startswith(INCLUDED) else ""
        title = rung.title if rung else found.model
        return f"{included}{title}, {what} · {len(found.points)} runs"

    def _told(self, key: str) -> dict[str, Any]:
        folder = self.sweeping.folder(key)
        found = sweeps.saved(folder)
        if found is None:
            raise RunProblem("That sweep is no longer here: choose another, or begin one.")
        begun = self.sweeping.begun.get(key)
        if begun is not None:
            begun.watched = time.monotonic()
        points = [self._point(found, folder, one, begun) for one in found.points]
        waits = ("waiting", "queued", "starting", "running", "paused")
        live = begun is not None and any(one["status"] in waits for one in points)
        told = {
            "title": self._name(found, key),
            "kind": found.kind,
            "axis": self._axis(found),
            "points": points,
            "live": live,
            "paused": any(one["status"] == "paused" for one in points),
            "law": None,
            "words": _ranked(points),
        }
        if found.kind == "scale":
            ended = [one for one in points if one["status"] == "finished" and one["loss"]]
            pairs = tuple(sorted((one["parameters"], one["loss"]) for one in ended))
            curve, told["words"] = _law(pairs)
            told["law"] = curve
        return told

    def _axis(self, found: Sweep) -> str:
        if found.kind == "scale":
            return "parameters"
        return self._named(found)(found.varied[0])

    def _named(self, found: Sweep) -> Naming:
        """How sentences call the settings of a sweep: as the controls, if the model still has them."""
        fields = RUNGS[found.model].settings() if found.model in RUNGS else {}
        return lambda name: fields[name].spoken if name in fields else name

    def _point(
        self, found: Sweep, folder: Path, point: SavedPoint, begun: Begun | None
    ) -> dict[str, Any]:
        """One run of a sweep; its status is "waiting" until it has a directory, "deleted" if that is gone."""
        directory = folder / point.directory
        first, *rest = point.settings.values()
        named = self._named(found)
        told: dict[str, Any] = {
            "run": None,
            "title": ", ".join(f"{named(n)} {value(v)}" for n, v in point.settings.items()),
            "x": point.parameters if found.kind == "scale" else first,
            "other": value(rest[0]) if rest and found.kind == "vary" else None,
            "parameters": point.parameters,
            "loss": None,
            "status": "waiting",
            "problem": begun.problems.get(point.directory) if begun else None,
        }
        token = begun.tokens.get(point.directory) if begun else None
        if not (directory / "run.json").exists():
            if token:
                told["status"] = "deleted"
            elif told["problem"]:
                told["status"] = "failed"
            elif begun is None or begun.stopped or begun.done:
                told["status"] = "missing"
            return told
        one = self.services.comparison.listing.one(directory)
        if not isinstance(one, Facts):
            return told | {"status": "failed", "problem": one}
        if token:
            self.services.supervisor.watch(token)
        known = self.services.supervisor.status(token) if token else None
        shown = (
            token if token and not self.library.open_local else self.library.token_for(directory)
        )
        return told | {
            "run": shown,
            "loss": one.last.loss if one.last else None,
            "status": known[0] if known else one.status,
            "problem": (known[1] if known else one.reason) or told["problem"],
        }


@lru_cache(maxsize=64)
def _law(pairs: tuple[tuple[int, float], ...]) -> tuple[dict[str, Any] | None, str]:
    """The curve of a law to ten times the largest size, with one standard error, and the sentence on it."""
    found = scaling.fit([size for size, _ in pairs], [loss for _, loss in pairs])
    if found is None:
        return None, scaling.sentence(None)
    curve = []
    for size in np.geomspace(pairs[0][0], found.ahead, DRAWN).tolist():
        loss, error = found.loss(size), found.error(size)
        band = [None, None] if error is None else [loss - error, loss + error]
        curve.append([size, loss, *band])
    return {"curve": curve, "trusted": not found.doubts}, scaling.brief(found)


def _ranked(points: list[dict[str, Any]]) -> str:
    """Which of the runs that have finished came lowest, and how far below the others."""
    ended = [one for one in points if one["status"] == "finished" and one["loss"]]
    if len(ended) < 2:
        return "Two runs that have finished can be compared."
    ranked = sorted(ended, key=lambda one: one["loss"])
    best, last = ranked[0], ranked[-1]
    left = len(points) - len(ended)
    so_far = f" of the {len(ended)} that have finished" if left else ""
    return (
        f"Lowest{so_far}: {best['title']}, {best['loss']:.3f} nats per character; highest: {last['title']}, "
        f"{last['loss']:.3f}."
    )
