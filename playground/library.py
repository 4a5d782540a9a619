"""The runs that the page can show, and which run a token means.

A token is one of three: the unguessable token of a run that this server started (`supervisor.py`);
"local:NAME" for a directory in the runs folder, closed on a hosted page; "shipped:NAME" for a run that is
included in the project.
"""

import contextlib
import math
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from lm import runs
from lm.errors import Problem, RunProblem
from lm.ladder import RUNGS
from playground.run_view import RunView
from playground.supervisor import LIVE, Supervisor

SILENCE = 120.0  # seconds without a write after which a run of another process counts as abandoned
HOSTED_RUNS = 200  # ended runs that a hosted page keeps; a decoder's takes about 50 MB


class Library:
    """Finds, opens, lists and prunes run directories."""

    def __init__(
        self,
        runs_folder: Path,
        shipped_folder: Path,
        supervisor: Supervisor,
        *,
        open_local: bool = True,
    ) -> None:
        self.runs_folder = runs_folder
        self.shipped_folder = shipped_folder
        self.supervisor = supervisor
        self.open_local = open_local
        self._opened: dict[str, RunView] = {}
        self._lock = threading.Lock()

    # One run

    def view(self, token: str) -> RunView:
        """The view of a run; asking for it counts as watching. `RunProblem` if there is no such run."""
        if watched := self.supervisor.watch(self.token_of(token)):
            return watched
        with self._lock:
            if token not in self._opened:
                self._opened[token] = RunView(runs.open_run(self._directory(token)))
            return self._opened[token]

    def answer(self, token: str, start: int = 0, start_events: int = 0) -> dict[str, Any]:
        """The points of a run after `start` and its events after `start_events`; see `RunView.answer`.

        A run that cannot be read is answered with the status "unknown" and the reason.
        """
        try:
            view = self.view(token)
            status, reason = self.supervisor.status(self.token_of(token)) or _status_on_disk(view)
            return {"run": token, **view.answer(status, reason, start, start_events)}
        except Problem as problem:
            return {"run": token, "status": "unknown", "reason": str(problem)}

    def knows(self, token: str) -> bool:
        """Whether a token names a run that can be shown; tokens of an earlier server do not."""
        try:
            self.view(token)
        except Problem:
            return False
        return True

    def token_of(self, token: str) -> str:
        """The token that commands a run: for a live run opened from its folder, the one it started with."""
        kind, _, name = token.partition(":")
        if kind == "local" and self.open_local:
            return self.supervisor.live_directories().get(self.runs_folder / name, token)
        return token

    def _directory(self, token: str) -> Path:
        kind, _, name = token.partition(":")
        folders = {"shipped": self.shipped_folder}
        if self.open_local:
            folders["local"] = self.runs_folder
        if kind in folders and len(name) < 256 and Path(name).name == name and "\0" not in name:
            directory = folders[kind] / name
            if (directory / "run.json").exists():
                return directory
        raise RunProblem("That run is no longer here: press Train to start a new one.")

    # Lists

    def shipped(self, model: str) -> str | None:
        """The token of the run that is included in the project for this rung, if there is one."""
        return f"shipped:{model}" if (self.shipped_folder / model / "run.json").exists() else None

    def also_shipped(self, model: str) -> dict[str, str]:
        """The tokens of further included runs of this rung, by the name of their recipe."""
        folders = [path.parent.name for path in self.shipped_folder.glob(f"{model}-*/run.json")]
        return {name.removeprefix(f"{model}-"): f"shipped:{name}" for name in sorted(folders)}

    def local_runs(self, model: str) -> list[tuple[str, str]]:
        """(description, token) of the runs of this rung in the runs folder, newest first."""
        found = []
        if self.open_local and self.runs_folder.is_dir():
            for path in self.runs_folder.iterdir():
                with contextlib.suppress(Problem, OSError):
                    run = runs.open_run(path)
                    if run.record.model == model and (step := run.status()[2]):
                        recipe = run.record.recipe or "own settings"
                        description = f"{recipe} · {step:,} steps · {run.record.corpus.title}"
                        found.append((run.record.created, description, path.name))
        return [
            (f"{created[:16].replace('T', ' ')} · {description}", f"local:{name}")
            for created, description, name in sorted(found)[::-1]
        ]

    def baselines(self) -> dict[str, dict[str, float]]:
        """The counted baselines of the texts that the included runs were trained on, by checksum."""
        known = {}
        for model in RUNGS:
            with contextlib.suppress(Problem):
                record = runs.open_run(self.shipped_folder / model).record
                known[record.corpus.sha256] = record.baselines
        return known

    # Folders

    def new_directory(self, model: str) -> Path:
        """A path in the runs folder that is not taken, for a new run; on a hosted page, makes room first."""
        if not self.open_local:
            self.prune()
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self.runs_folder / f"{model}-{stamp}-{secrets.token_hex(3)}"

    def prune(self, keep: int = HOSTED_RUNS) -> None:
        """Delete the oldest ended runs in the runs folder, all but `keep`."""
        live = self.supervisor.live_directories()
        ended = [p.parent for p in self.runs_folder.glob("*/run.json") if p.parent not in live]
        ended.sort(key=lambda path: path.stat().st_mtime)
        old = set(ended[: max(0, len(ended) - keep)])
        self.supervisor.forget(old)
        for directory in old:
            shutil.rmtree(directory, ignore_errors=True)


def _status_on_disk(view: RunView) -> tuple[str, str | None]:
    """The status that a run directory states; "stopped" if its process has died without stating it."""
    status, reason, _ = view.run.status()
    if status in LIVE and _seconds_since_written(view.run) > SILENCE:
        return "stopped", "Nothing has been written to it for a while: its process has exited."
    return status, reason


def _seconds_since_written(run: runs.Run) -> float:
    try:
        return time.time() - run.metrics_path.stat().st_mtime
    except OSError:
        return math.inf
