"""Imports and exports under way: each in a process of its own, one at a time, in a folder of its own.

A model takes seconds of a core and up to gigabytes of memory to write or to read. In a process of its own it
does not hold up the page, and its memory is free again when it ends. The page asks for a job's progress by its
key. A job's folder is removed `KEPT` seconds after somebody last asked for it, and when the server ends.
"""

import contextlib
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lm.errors import Problem, RunProblem
from playground.exchange import worker
from playground.training import processes

KEPT = 600.0  # seconds
MOST = 12  # jobs that wait or run, of all visitors
MANY = 40  # folders of files that come, of jobs, and of exports that nobody has fetched yet
GONE = "This import or export is no longer here: begin it anew."
Answer = dict[str, Any]


@dataclass
class Job:
    """Files of a visitor and the work on them. answer: once it is done, {"error": sentence} if it failed."""

    key: str
    folder: Path
    said: str = ""
    share: float | None = None  # of the work done, if it is known
    answer: Answer | None = None
    begun: bool = False
    file: Path | None = None  # to be fetched, once
    asked: float = field(default_factory=time.monotonic)  # when the page last asked for it

    @property
    def works(self) -> bool:
        """Whether it waits or runs."""
        return self.begun and self.answer is None


class Jobs:
    """The jobs of the server."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # two models at once might not fit into the memory
        self._process: Any = None
        self._closed = False

    def new(self) -> Job:
        """A job with an empty folder, whose work has not begun. `RunProblem` if there are too many."""
        self.sweep()
        with self._lock:
            if self._closed or len(self._jobs) >= MANY:
                raise RunProblem(
                    "The page is busy with other imports and exports: try again in a few minutes."
                )
            folder = Path(tempfile.mkdtemp(prefix="exchange-"))
            job = Job(secrets.token_urlsafe(16), folder)
            self._jobs[job.key] = job
        return job

    def job(self, key: str) -> Job:
        """The job of a key; asking for it keeps it. `RunProblem` if there is none."""
        with self._lock:
            job = self._jobs.get(key)
        if job is None:
            raise RunProblem(GONE)
        job.asked = time.monotonic()
        return job

    def begin(
        self, job: Job, done: Callable[[Any], Answer], name: str, *args: Any, said: str
    ) -> None:
        """Let `worker.WORKS[name](job.folder, *args)` run; `done` makes the answer of its result.

        said: what it does, while nothing is known of its progress.
        """
        with self._lock:
            if sum(one.works for one in self._jobs.values()) >= MOST:
                raise RunProblem(
                    "Many imports and exports wait already: try again in a few minutes."
                )
            if job.begun:
                raise RunProblem("This import has begun already.")
            job.begun, job.said = True, said
        threading.Thread(target=self._run, args=(job, done, name, args), daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether one waits or runs."""
        with self._lock:
            return any(one.works for one in self._jobs.values())

    def known(self) -> list[str]:
        """The keys of all jobs."""
        with self._lock:
            return list(self._jobs)

    def told(self, key: str) -> Answer:
        """{"said", "share"} of a job under way, or its answer. `RunProblem` if there is none."""
        job = self.job(key)
        if job.answer is not None:
            return job.answer
        return {"said": job.said, "share": job.share}

    def forget(self, job: Job) -> None:
        """Remove a job and its folder."""
        with self._lock:
            self._jobs.pop(job.key, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the jobs for which nobody has asked for long; those at work stay."""
        now = time.monotonic()
        with self._lock:
            old = [one for one in self._jobs.values() if not one.works and now - one.asked > KEPT]
        for job in old:
            self.forget(job)

    def close(self) -> None:
        """End the process at work and remove all folders."""
        with self._lock:
            self._closed = True
            jobs, process = list(self._jobs.values()), self._process
        if process is not None:
            with contextlib.suppress(Exception):
                process.terminate()
                process.join(2)
        for job in jobs:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _run(
        self, job: Job, done: Callable[[Any], Answer], name: str, args: tuple[Any, ...]
    ) -> None:
        with self._turn:
            try:
                answer = done(self._result(job, name, args))
            except Problem as problem:
                answer = {"error": str(problem)}
            except Exception as error:  # the page must be able to show it
                answer = {"error": f"This met a fault of the program: {error!r}."}
            if job.file is None:  # nothing is to be fetched: its files only take room
                shutil.rmtree(job.folder, ignore_errors=True)
            job.answer, job.asked = answer, time.monotonic()
        later = threading.Timer(KEPT + 1, self.sweep)
        later.daemon = True
        later.start()

    def _result(self, job: Job, name: str, args: tuple[Any, ...]) -> Any:
        """What the work of a process comes to. `RunProblem` with its sentence if it is refused, or killed."""
        if self._closed:
            raise RunProblem(GONE)
        process, pipe = processes.start(worker.work, name, job.folder, *args)
        self._process = process
        try:
            return self._followed(job, pipe)
        except EOFError:
            raise RunProblem(_ended(processes.exit_code(process))) from None
        finally:
            self._process = None
            pipe.close()

    def _followed(self, job: Job, pipe: Connection) -> Any:
        while True:
            kind, value = pipe.recv()
            if kind == "done":
                return value
            if kind == "refused":
                raise RunProblem(value)
            job.said, job.share = value


def _ended(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return (
            "Its process was killed, as a rule because the memory was full: choose a smaller model."
        )
    return "Its process ended without saying why: try again."
