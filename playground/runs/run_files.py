"""Runs as files: a run downloaded as a zip, and one brought back, at `/run.zip`.

Gradio's components would copy each file into a folder of theirs, so these are plain routes.
`lm/runs/archive.py` checks what a zip holds; the library knows which run a token means, and for whom.
"""

import contextlib
import tempfile
import threading
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from lm.errors import Problem
from lm.runs import archive, zip_checks
from playground.arguments import sendable
from playground.runs.comparison import Comparison

ADDRESS = "/run.zip"
MOST_BYTES = 200_000_000  # of a zip that is brought; packed, the largest included run takes 8 MB
KIND = "application/zip"  # a page of another site cannot send it unasked


class TakesModels(Protocol):
    """The imports of models that others trained (`playground/exchange/imports.py`)."""

    def adopt_zip(self, file: Path) -> dict[str, Any]:
        """Take the zip of a model; answers {"job"}."""


class RunFiles:
    """The two routes; a zip that holds no run but a model goes to `models`."""

    def __init__(self, comparison: Comparison, models: TakesModels) -> None:
        self.comparison = comparison
        self.library = comparison.library
        self.models = models
        self._importing = threading.Lock()  # each takes memory and disk

    def routes(self) -> list[Route]:
        """For `launch`, which puts them before Gradio's own."""
        return [
            Route(ADDRESS, self.download, methods=["GET"]),
            Route(ADDRESS, self.bring, methods=["POST"]),
        ]

    async def download(self, request: Request) -> Response:
        """The run of a token as a zip file; 404 with a sentence if there is none."""
        token = sendable(request.query_params.get("run", ""))
        try:
            path, name = await run_in_threadpool(self._export, token)
        except Problem as problem:
            return JSONResponse({"error": str(problem)}, 404)
        removed = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, filename=name, media_type=KIND, background=removed)

    def _export(self, token: str) -> tuple[Path, str]:
        run = self.library.view(token).run
        file = _new_file()
        try:
            archive.export_run(run, file)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return file, f"{run.directory.resolve().name}.zip"

    async def bring(self, request: Request) -> Response:
        """Take in a run: {"run": its token}, or {"error": a sentence} with status 200, as all refusals.

        {"job"} of a model: its import goes on by itself.
        """
        if request.headers.get("content-type") != KIND:
            return JSONResponse({"error": "A run is brought as a zip file."}, 415)
        file = _new_file()
        try:
            with file.open("wb") as target:
                async for piece in request.stream():
                    target.write(piece)
            return JSONResponse(await run_in_threadpool(self._import, file))
        except ClientDisconnect:
            return JSONResponse({"error": "The file did not come whole: try again."}, 400)
        except Problem as problem:
            return JSONResponse({"error": str(problem).replace(str(file), "The file")})
        except OSError as error:
            return JSONResponse({"error": f"The file cannot be kept: {error.strerror}."}, 507)
        finally:
            file.unlink(missing_ok=True)

    def _import(self, file: Path) -> dict[str, Any]:
        if _holds_model(file):
            return self.models.adopt_zip(file)
        with self._importing:
            self.library.prune()
            run = archive.import_run(file, self.library.runs_folder)
            return {"run": self.library.adopt(run.directory)}


def _holds_model(file: Path) -> bool:
    """Whether a zip holds a model that others trained, and no run."""
    with contextlib.suppress(Problem), zip_checks.opened(file) as opened:
        names = {PurePosixPath(name).name for name in opened.namelist()}
        model = "config.json" in names or any(name.endswith(".gguf") for name in names)
        return model and "run.json" not in names
    return False


def _new_file() -> Path:
    """An empty temporary file."""
    with tempfile.NamedTemporaryFile(prefix="run-", suffix=".zip", delete=False) as file:
        return Path(file.name)
