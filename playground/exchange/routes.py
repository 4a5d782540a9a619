"""The plain routes of imports and exports: Gradio's components would copy each file into a folder of theirs.

A refusal is {"error": a sentence}, with status 200. The kinds of content are such that a page of another site
cannot send them unasked.
"""

import json
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from lm.errors import Problem
from playground.arguments import sendable
from playground.exchange.exports import Exports
from playground.exchange.imports import Imports
from playground.exchange.jobs import GONE, Jobs
from playground.runs.library import Library

BEGIN, FILES, JOB, MADE = "/exchange", "/exchange/files", "/exchange/job", "/exchange/made"
KIND, FILE_KIND = "application/json", "application/octet-stream"


class Exchange:
    """The routes, and the jobs that they begin."""

    def __init__(self, library: Library) -> None:
        self.jobs = Jobs()
        self.exports, self.imports = Exports(library, self.jobs), Imports(library, self.jobs)

    def routes(self) -> list[Route]:
        """For `launch`, which puts them before Gradio's own."""
        return [
            Route(BEGIN, self.begin, methods=["POST"]),
            Route(FILES, self.receive, methods=["POST"]),
            Route(JOB, self.told, methods=["GET"]),
            Route(MADE, self.made, methods=["GET"]),
        ]

    def close(self) -> None:
        """End what is under way."""
        self.jobs.close()

    async def begin(self, request: Request) -> Response:
        """{"run", "to", "step"}: an export; {"name", "weights"} or {"job", "title", "weights"}: an import."""
        if request.headers.get("content-type") != KIND:
            return JSONResponse({"error": "An import or export is asked for as JSON."}, 415)
        try:
            asked = json.loads(await request.body())
        except (ValueError, ClientDisconnect):
            asked = None
        try:
            told = await run_in_threadpool(self._begun, asked if isinstance(asked, dict) else {})
        except Problem as problem:
            told = {"error": str(problem)}
        return JSONResponse(told)

    def _begun(self, asked: dict[str, Any]) -> dict[str, Any]:
        def text(name: str) -> str:
            return sendable(asked.get(name) or "")

        if "run" in asked:
            return self.exports.begin(text("run"), text("to"), asked.get("step"))
        if asked.get("job"):
            return self.imports.begin_files(text("job"), text("title"), asked.get("weights"))
        return self.imports.begin_name(text("name"), asked.get("weights"))

    async def receive(self, request: Request) -> Response:
        """A file of a model, ?name=…&job=…; {"job"}, by which the next one and the import are asked for."""
        if request.headers.get("content-type") != FILE_KIND:
            return JSONResponse({"error": "A file is sent as it is."}, 415)
        key, name = (sendable(request.query_params.get(n, "")) for n in ("job", "name"))
        try:
            return JSONResponse(await self.imports.receive(key, name, request.stream()))
        except ClientDisconnect:
            return JSONResponse({"error": "The file did not come whole: try again."}, 400)
        except Problem as problem:
            return JSONResponse({"error": str(problem)})
        except OSError as error:
            return JSONResponse({"error": f"The file cannot be kept: {error.strerror}."}, 507)

    async def told(self, request: Request) -> Response:
        """How far a job is, or its answer; see `Jobs.told`."""
        try:
            return JSONResponse(self.jobs.told(request.query_params.get("key", "")))
        except Problem as problem:
            return JSONResponse({"error": str(problem)})

    async def made(self, request: Request) -> Response:
        """The file of an export, which is then removed; 404 with a sentence if there is none."""
        try:
            job = self.jobs.job(request.query_params.get("key", ""))
        except Problem as problem:
            return JSONResponse({"error": str(problem)}, 404)
        if job.file is None or not job.file.exists():
            return JSONResponse({"error": GONE}, 404)
        removed = BackgroundTask(self.jobs.forget, job)
        return FileResponse(
            job.file, filename=job.file.name, media_type="application/zip", background=removed
        )
