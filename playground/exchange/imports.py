"""A model that others trained as a run of the page: by its name, or from files that a visitor sends.

The files come one after the other into the folder of a job (`jobs.py`); its process makes a run directory of
them (`taking_in.py`), which the library then takes in like any other run.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from lm.costs.sizes import free_disk, size_in_words
from lm.errors import RunProblem
from lm.ladder import PRETRAINED
from playground.exchange.jobs import Answer, Job, Jobs
from playground.exchange.taking_in import is_model_file
from playground.exchange.worker import ARCHIVE, FILES
from playground.runs.library import Library
from playground.serving.limits import Limits

LARGEST = 20_000_000_000  # bytes of a file, where no limit is set
ROOM = 200_000_000  # bytes that are left on the disk
MOST_FILES = 40  # of one model
LONGEST = 100  # characters of a name


def most_bytes(limits: Limits) -> int:
    """Bytes of the files of one model that the page takes."""
    return limits.import_megabytes * 1_000_000 or LARGEST


class Imports:
    """Imports into the library."""

    def __init__(self, library: Library, jobs: Jobs) -> None:
        self.library, self.jobs = library, jobs
        self.limits = library.supervisor.limits

    async def receive(self, key: str, name: str, pieces: AsyncIterator[bytes]) -> Answer:
        """Keep a file that comes; answers {"job": key}. key: of the files before it, "" for the first one."""
        if not is_model_file(name) and not name.lower().endswith(".zip"):
            raise RunProblem(
                f"{name[:LONGEST]!r} is no file of a model: a model is a GGUF file, a zip file, or the files "
                "config.json, tokenizer.json and *.safetensors of a Hugging Face folder."
            )
        job = self.jobs.job(key) if key else self.jobs.new()
        try:
            await self._keep(job, name, pieces)
        except BaseException:
            if not job.begun:
                self.jobs.forget(job)
            raise
        return {"job": job.key}

    async def _keep(self, job: Job, name: str, pieces: AsyncIterator[bytes]) -> None:
        if job.begun:
            raise RunProblem("This import has begun already.")
        folder = job.folder / FILES
        folder.mkdir(exist_ok=True)
        there = list(folder.iterdir())
        if len(there) >= MOST_FILES:
            raise RunProblem(f"A model has at most {MOST_FILES} files here: send it as a zip file.")
        most = most_bytes(self.limits)
        size = sum(path.stat().st_size for path in there)
        with (folder / name).open("wb") as target:
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise RunProblem(
                        f"These files have more than {size_in_words(most)}, which this page does not take: "
                        "choose a smaller model."
                    )
                await run_in_threadpool(target.write, piece)
                job.asked = time.monotonic()
        free = free_disk(folder)
        if free is not None and free < ROOM:
            raise RunProblem("The disk of this page is full: try again later, or a smaller model.")

    def adopt_zip(self, file: Path) -> Answer:
        """Begin the import of a zip that is no run, which is moved away; answers {"job": key}."""
        job = self.jobs.new()
        folder = job.folder / FILES
        folder.mkdir()
        file.replace(folder / ARCHIVE)
        return self.begin_files(job.key, "", "float32")

    def begin_files(self, key: str, title: str, weights: Any) -> Answer:
        """Begin the import of the files that have come; answers {"job": key}."""
        return self._begin(self.jobs.job(key), {"title": title[:LONGEST]}, weights)

    def begin_name(self, name: str, weights: Any) -> Answer:
        """Begin the import of a model of the hub, or of "smollm2"; answers {"job": key}."""
        if not name.strip():
            raise RunProblem(
                "Type a name of the Hugging Face hub, such as HuggingFaceTB/SmolLM2-135M-Instruct."
            )
        job = self.jobs.new()
        try:
            return self._begin(job, {"name": name.strip()[:200]}, weights)
        except BaseException:
            self.jobs.forget(job)
            raise

    def _begin(self, job: Job, asked: dict[str, Any], weights: Any) -> Answer:
        (job.folder / FILES).mkdir(exist_ok=True)
        limit = self.limits.run_megabytes * 1_000_000 or None
        asked |= {
            "weights": "bfloat16" if weights == "bfloat16" else "float32",
            "most_bytes": most_bytes(self.limits),
            "most_memory": limit,
            "keep_cache": self.library.open_local,
        }
        out = self.library.new_directory(PRETRAINED.name)
        said = "Waiting for another import or export" if self.jobs.busy else "Starting"
        self.jobs.begin(job, lambda title: self._done(out, title), "import", out, asked, said=said)
        return {"job": job.key}

    def _done(self, out: Path, title: str) -> Answer:
        return {"run": self.library.adopt(out), "model": PRETRAINED.name, "title": title}
