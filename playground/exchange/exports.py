"""A run in the formats of other programs: the page's export, made by a job (`jobs.py`), then fetched once."""

import tempfile
from pathlib import Path
from typing import Any

from lm.costs.sizes import free_disk, free_memory, size_in_words
from lm.errors import RunProblem, SettingsProblem
from lm.runs.run import Run
from playground.exchange.jobs import Answer, Job, Jobs
from playground.runs.library import Library

FORMATS = ("huggingface", "gguf", "onnx", "script")  # of `lm/interchange/`
ZIP = "zip"  # of the whole run: the page downloads it at once (`playground/runs/run_files.py`)
# Copies of the weights in floats that a process holds at most while it writes a model, measured with SmolLM2.
COPIES = {"huggingface": 3, "gguf": 2, "script": 2, "onnx": 5}
OVERHEAD = 400_000_000  # bytes of the process itself


class Exports:
    """Exports of the runs that a visitor may see."""

    def __init__(self, library: Library, jobs: Jobs) -> None:
        self.library, self.jobs = library, jobs

    def begin(self, token: str, kind: str, step: Any = None) -> Answer:
        """Begin an export; answers {"job": its key}. `Problem` if there is no such run, or no room for it.

        step: of the snapshot; None: the last. A zip of the whole run is only checked: the page downloads it.
        """
        if kind == ZIP:
            return self._checked(self.library.view(token).run)
        if kind not in FORMATS:
            raise SettingsProblem(f"A run is exported as {', '.join(FORMATS)}, or as a zip file.")
        run = self.library.view(token).run
        if not run.snapshots():
            raise RunProblem("This run holds no weights to export: train it first.")
        self._check_room(run, kind)
        job = self.jobs.new()
        name = run.directory.resolve().name
        try:
            self.jobs.begin(
                job,
                lambda file: self._made(job, file),
                "export",
                run.directory.resolve(),
                kind,
                step if isinstance(step, int) and not isinstance(step, bool) else None,
                name,
                said="Waiting for another import or export" if self.jobs.busy else "Starting",
            )
        except BaseException:
            self.jobs.forget(job)
            raise
        return {"job": job.key}

    def _checked(self, run: Run) -> Answer:
        if run.record.holds_changes_only:
            raise RunProblem(
                "This run holds only the weights that it trained, and needs the run that it started from: "
                "export it in another format, which adds the others."
            )
        return {"ready": True}

    def _made(self, job: Job, file: str) -> Answer:
        job.file = job.folder / file
        return {"file": job.key, "name": file, "bytes": job.file.stat().st_size}

    def _check_room(self, run: Run, kind: str) -> None:
        weights = 4 * run.record.parameters
        limit = self.library.supervisor.limits.run_megabytes * 1_000_000 or None
        memory, disk = free_memory(), free_disk(Path(tempfile.gettempdir()))
        needed = OVERHEAD + COPIES[kind] * weights
        for room in (limit, memory):
            if room is not None and needed > room:
                raise RunProblem(
                    f"This export needs about {size_in_words(needed)} of memory, and there are "
                    f"{size_in_words(room)}: use `python -m lm export` on a larger machine."
                )
        if disk is not None and 2 * weights > disk:
            raise RunProblem(
                f"This export needs about {size_in_words(2 * weights)} on the disk, and "
                f"{size_in_words(disk)} are free: free some space, or use `python -m lm export`."
            )
