"""The page's state as JSON at `/health`, for whoever runs it: the queue, memory, and the limits.

It holds numbers alone: no token, name or path of anybody's run. Everyone who reaches the page can read it.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lm.costs import sizes
from playground.looking.writes import Writes
from playground.serving.limits import Limits
from playground.training.supervisor import Supervisor

ADDRESS = "/health"
KEPT = 1.0  # seconds for which an answer is given again: adding up memory takes milliseconds
PROC = Path("/proc")


class Health:
    """The route, and what it tells."""

    def __init__(
        self, limits: Limits, supervisor: Supervisor, writes: Writes, runs_folder: Path
    ) -> None:
        self.limits = limits
        self.supervisor = supervisor
        self.writes = writes
        self.runs_folder = runs_folder
        self._began = time.monotonic()
        self._last: tuple[float, dict[str, Any]] | None = None

    def routes(self) -> list[Route]:
        """For `launch`, which puts them before Gradio's own."""
        return [Route(ADDRESS, self.answer, methods=["GET"])]

    def answer(self, request: Request) -> JSONResponse:
        """The state now, or a second ago."""
        now = time.monotonic()
        if self._last is None or now - self._last[0] > KEPT:
            self._last = now, self.state()
        return JSONResponse(self._last[1], headers={"Cache-Control": "no-store"})

    def state(self) -> dict[str, Any]:
        """Whole numbers, with their units in the names; None for what the system does not tell."""
        return {
            "status": "ok",
            "up_seconds": round(time.monotonic() - self._began),
            "device": self.supervisor.device,
            "cores": self.supervisor.cores,
            "queue": {
                **self.supervisor.queue(),
                "texts_being_written": self.writes.count(),
                "pages_that_listen": self.writes.listeners.count(),
            },
            "memory": {
                "server_and_runs_megabytes": _megabytes(used_memory()),
                "free_megabytes": _megabytes(sizes.free_memory()),
                "free_disk_megabytes": _megabytes(sizes.free_disk(self.runs_folder)),
            },
            "limits": self.limits.model_dump(),
        }


def used_memory() -> int | None:
    """Bytes of this process and those below it; what they share counts once. None outside Linux."""
    total, below = 0, [os.getpid()]
    while below:
        process = PROC / str(below.pop())
        with contextlib.suppress(OSError, ValueError):  # it has just exited
            for line in (process / "smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
            for task in (process / "task").iterdir():
                below += map(int, (task / "children").read_text("ascii").split())
    return total or None


def _megabytes(size: int | None) -> int | None:
    return None if size is None else round(size / 1e6)
