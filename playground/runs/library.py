"""The runs that the page can show, and which run a token means.

A token is one of three: the unguessable token of a run that this server started (`supervisor.py`) or took in
(`adopt`); "local:NAME" for a directory in the runs folder, or "local:SWEEP/NAME" in a sweep, closed on a hosted
page; "shipped:NAME" for a run that is included in the project.
"""

import contextlib
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm import runs
from lm.errors import Problem, RunProblem
from lm.ladder import RUNGS
from lm.runs import lock
from lm.runs.format import imported_title
from lm.runs.listing import SWEEP
from playground.runs.run_view import RunView
from playground.serving.visitors import NOBODY
from playground.training.supervisor import Supervisor

INCLUDED, LOCAL = "shipped:", "local:"  # how the tokens begin of runs that everybody may see
KEEP = 50  # opened runs held in memory; a view takes up to 300 kB


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
        self._opened: OrderedDict[str, RunView] = OrderedDict()
        self._adopted: dict[str, Path] = {}
        self._lock = threading.Lock()

    # One run

    def view(self, token: str) -> RunView:
        """The view of a run; asking for it counts as watching. `RunProblem` if there is no such run."""
        return self._find(token)[0]

    def _find(self, token: str) -> tuple[RunView, str | None]:
        """The view of a run and, if this server started it, the token that commands it."""
        own = self.token_of(token)
        rewritten = self.supervisor.may_be_rewritten(own)  # asked first: it ends with a new view
        watched = self.supervisor.watch(own)
        if watched and (rewritten or _is_there(watched)):
            return watched, own
        with self._lock:
            view = self._opened.pop(token, None)  # let go if the folder was deleted or made anew
            if view is None or not _is_there(view):
                view = RunView(runs.open_run(self._directory(token)))
            self._opened[token] = view
            while len(self._opened) > KEEP:
                self._opened.popitem(last=False)
            return view, None

    def answer(self, token: str, start: int = 0, start_events: int = 0) -> dict[str, Any]:
        """The points of a run after `start` and its events after `start_events`; see `RunView.answer`.

        "link" is the token by which everybody may open it, or None.
        "queue" is its place while it waits for a core, else None (`RunPool.place_in_queue`). "ours" is
        false for a run that another process trains or trained: this page can watch it, but not steer it. A
        run that cannot be read is answered with the status "unknown" and the reason.
        """
        try:
            view, own = self._find(token)
            known = self.supervisor.status(own) if own else None
            status, reason = known or view.run.status()[:2]
            queue = self.supervisor.place_in_queue(own) if own else None
            return {
                "run": token,
                "link": self.open_token(view.run.directory),
                "ours": known is not None,
                "queue": queue,
                **view.answer(status, reason, start, start_events),
            }
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

    def directory(self, token: str) -> Path:
        """The directory of a run, also of a damaged one; `RunProblem` if there is none."""
        if directory := self.own_directory(token):
            return directory
        return self._directory(token)

    def own_directory(self, token: str) -> Path | None:
        """The directory of a run that this server started or took in, by its own token, if it is there."""
        view = self.supervisor.watch(self.token_of(token))
        directory = view.run.directory if view else self._adopted.get(token)
        return directory if directory and (directory / "run.json").exists() else None

    def adopt(self, directory: Path) -> str:
        """The token of a run that a visitor has brought; where strangers share the page, it is theirs alone."""
        if self.open_local:
            return self.token_for(directory)
        token = secrets.token_urlsafe(16)
        self._adopted[token] = directory
        return token

    def token_for(self, directory: Path) -> str:
        """The token of a run in one of the folders, or in a sweep there."""
        if self.shipped_folder in directory.parents:
            return f"{INCLUDED}{directory.relative_to(self.shipped_folder).as_posix()}"
        return f"{LOCAL}{directory.relative_to(self.runs_folder).as_posix()}"

    def open_token(self, directory: Path) -> str | None:
        """The token of a run that everybody may open, as a link names it; None for another."""
        inside = any(folder in directory.parents for folder in self.open_folders())
        return self.token_for(directory) if inside else None

    def adopted_token(self, directory: Path) -> str | None:
        """The token of a run that a visitor has brought; None for another."""
        return next((token for token, path in self._adopted.items() if path == directory), None)

    def open_folders(self) -> list[Path]:
        """The folders whose runs everybody may see."""
        return [self.shipped_folder, *([self.runs_folder] if self.open_local else [])]

    def _directory(self, token: str) -> Path:
        kind, _, name = token.partition(":")
        folders = {"shipped": self.shipped_folder}
        if self.open_local:
            folders["local"] = self.runs_folder
        parts = name.split("/")
        plain = all(Path(part).name == part and not part.startswith(".") for part in parts)
        if kind in folders and len(name) < 512 and plain and "\0" not in name:
            directory = folders[kind].joinpath(*parts)
            inside = len(parts) == 1 or (len(parts) == 2 and (directory.parent / SWEEP).exists())
            if inside and (directory / "run.json").exists():
                return directory
        if token in self._adopted and (self._adopted[token] / "run.json").exists():
            return self._adopted[token]
        raise RunProblem("That run is no longer here: press Train to start a new one.")

    def sweep_folder(self, key: str) -> Path:
        """The folder of "shipped:NAME" or "local:NAME", if all may see such a sweep; else `RunProblem`."""
        kind, _, name = key.partition(":")
        folders = dict(zip(("shipped", "local"), self.open_folders(), strict=False))
        plain = Path(name).name == name and not name.startswith(".") and "\0" not in name
        if kind in folders and name and plain and len(name) < 256:
            folder = folders[kind] / name
            if (folder / SWEEP).exists():
                return folder
        raise RunProblem("That sweep is no longer here: choose another, or begin one.")

    # Lists

    def shipped(self, model: str) -> str | None:
        """The token of the run that is included in the project for this rung, if there is one."""
        return f"shipped:{model}" if (self.shipped_folder / model / "run.json").exists() else None

    def also_shipped(self, model: str) -> dict[str, str]:
        """The tokens of further included runs of this rung, by the name of their recipe."""
        folders = [path.parent.name for path in self.shipped_folder.glob(f"{model}-*/run.json")]
        return {name.removeprefix(f"{model}-"): f"shipped:{name}" for name in sorted(folders)}

    def local_runs(self, model: str) -> list[tuple[str, str]]:
        """(description, token) of the runs of this rung in the runs folder, newest first.

        Also of those in training, by this server or another process; not of those that never took a step.
        """
        found = []
        if self.open_local and self.runs_folder.is_dir():
            for path in self.runs_folder.iterdir():
                with contextlib.suppress(Problem, OSError):
                    run = runs.open_run(path)
                    status, _, step = run.status()
                    trains = status in ("running", "paused")
                    came = run.record.trained_elsewhere and not run.plan.start.tunes
                    if run.record.model == model and (step or trains or came):
                        recipe = run.record.recipe or "own settings"
                        steps = f"{step:,} steps{' so far' if trains else ''}"
                        description = f"{recipe} · {steps} · {run.record.corpus.title}"
                        if came:
                            description = imported_title(run.record.note)
                        found.append((run.record.created, description, path.name))
        return [
            (f"{created[:16].replace('T', ' ')} · {description}", f"{LOCAL}{name}")
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
        """A path in the runs folder that is not taken, for a new run; makes room first, as the limits say."""
        self.prune()
        stamp = time.strftime("%Y%m%d-%H%M%S")
        return self.runs_folder / f"{model}-{stamp}-{secrets.token_hex(3)}"

    def prune(self) -> None:
        """Delete the oldest ended runs in the runs folder that are more, or larger, than the limits allow.

        A visitor's own runs go first: those of one who trains a great deal do not push out everybody else's.
        Whose a run is, the server knows of those that it started.
        """
        limits = self.supervisor.limits
        of_all = limits.kept_runs, limits.kept_megabytes
        of_one = limits.visitor_kept_runs, limits.visitor_kept_megabytes
        if not any((*of_all, *of_one)):
            return
        live = self.supervisor.live_directories()
        found = (path.parent for path in self.runs_folder.glob("*/run.json"))
        ended = [path for path in found if path not in live and lock.writer(path) is None]
        ended.sort(key=lambda path: path.stat().st_mtime)
        whose = self.supervisor.visitors()
        old: set[Path] = set()
        for visitor in set(whose.values()) - {NOBODY}:
            old |= _surplus([path for path in ended if whose.get(path) == visitor], *of_one)
        old |= _surplus([path for path in ended if path not in old], *of_all)
        self.supervisor.forget(old)
        for directory in old:
            shutil.rmtree(directory, ignore_errors=True)


def _surplus(directories: Sequence[Path], most: int, megabytes: int) -> set[Path]:
    """The first of these directories, the oldest, so that at most so many and so much are left; 0: no limit."""
    sizes = [_size(path) if megabytes else 0 for path in directories]
    count, held, old = len(directories), sum(sizes), set[Path]()
    for path, size in zip(directories, sizes, strict=True):
        if not ((most and count > most) or (megabytes and held > megabytes * 1_000_000)):
            break
        old.add(path)
        count, held = count - 1, held - size
    return old


def _size(directory: Path) -> int:
    """Bytes of the files in a run directory; those that vanish meanwhile do not count."""
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _is_there(view: RunView) -> bool:
    """Whether the directory still holds the run of a view, and not another made in its place."""
    return runs.identity(view.run.directory) == view.run.identity
