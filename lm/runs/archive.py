"""A run as one zip file, and back: to share it, or to move it to another machine.

A zip file that passes the checks of `zip_checks.py` is unpacked into a temporary folder, where every checksum
of the run is compared; only a whole run gets its place. Nothing is ever unpickled.
"""

import contextlib
import datetime
import json
import math
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lm.atomic import replaced
from lm.costs.sizes import count_parameters, outline
from lm.errors import Problem, RunProblem
from lm.runs import checksums, label, zip_checks
from lm.runs.files import explained, read_json, read_tensors, write_json
from lm.runs.run import Run, open_run

MOST_TEXT = 200  # characters of a title or a name in run.json
ENDED_BY_COPY = "This copy was made at step {:,}, while the run trained."


# Out


def export_run(run: Run, file: Path) -> int:
    """Write a run into a zip file, replacing it; returns its size in bytes.

    The path of the text is left out: it is that of this machine. The copy of a run in training is that of a
    run that has stopped. `RunProblem` on a full disk, if the run is deleted meanwhile, or if it does not hold
    all of its weights.
    """
    if run.record.holds_changes_only:
        raise RunProblem(
            f"{run.directory} holds only the weights that changed since its start: pack it, which adds the "
            "others, and export the copy."
        )
    with explained(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(file) as temporary:
            try:
                with zipfile.ZipFile(temporary, "w", allowZip64=False) as archive:
                    _write(run, archive)
            except zipfile.LargeZipFile:
                raise RunProblem(
                    f"{run.directory} is too large for a zip file: pack it first, with fewer snapshots."
                ) from None
            return temporary.stat().st_size


def _write(run: Run, archive: zipfile.ZipFile) -> None:
    """The members, under one folder. What is resumed from goes before the metrics, which only grow."""
    top = f"{run.directory.resolve().name}/"
    status, reason, step = run.status()
    if status in ("running", "paused"):
        status, reason = "stopped", ENDED_BY_COPY.format(step)
    for name in zip_checks.COPIED:
        if (run.directory / name).exists():
            _write_file(archive, run.directory / name, top + name)
    if label.read(run.directory)[0] != label.Label():
        _write_file(archive, run.directory / label.FILE, top + label.FILE)
    for number in run.snapshots():
        path = run.snapshot_path(number)
        with contextlib.suppress(FileNotFoundError):  # it was the best until now, and another is
            _write_file(archive, path, f"{top}snapshots/{path.name}")
    metrics = run.metrics_path.read_bytes()
    whole = metrics[: metrics.rfind(b"\n") + 1]
    archive.writestr(top + "metrics.jsonl", whole, zipfile.ZIP_DEFLATED)
    ended = {"status": status, "reason": reason, "step": step, "metrics_bytes": len(whole)}
    archive.writestr(top + "status.json", _as_json(ended), zipfile.ZIP_DEFLATED)
    record = run.record.without_places().model_dump()
    archive.writestr(top + "run.json", _as_json(record), zipfile.ZIP_DEFLATED)


def _write_file(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Weights do not get smaller by packing, so they are stored as they are."""
    how = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
    member = zipfile.ZipInfo(name, datetime.datetime.now().timetuple()[:6])
    member.compress_type, member.external_attr = how, 0o644 << 16
    member.file_size = path.stat().st_size  # says whether the file is too large for the format
    with path.open("rb") as source, archive.open(member, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _as_json(contents: dict[str, Any]) -> str:
    """The text of a JSON file of a run directory, with its checksum."""
    contents = contents | {checksums.KEY: checksums.of_json(contents)}
    return json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


# In


def import_run(file: Path, folder: Path, name: str | None = None) -> Run:
    """The run in a zip file, as a new directory in a folder: of this name, or of one that is not taken.

    `RunProblem` says in one sentence why an archive is refused; nothing is left of it.
    """
    if name is not None and (folder / name).exists():
        raise RunProblem(f"{folder / name} already exists: choose a new folder.")
    temporary = folder / f".import-{secrets.token_hex(6)}.tmp"
    try:
        with zip_checks.opened(file) as archive:
            members = zip_checks.checked(archive, file)
            with explained(folder):
                (temporary / "snapshots").mkdir(parents=True)
            zip_checks.unpack(archive, members, temporary, file)
        with _told_of(file, temporary):
            model = _check_contents(temporary)
        return open_run(_placed(temporary, folder, name, model))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _told_of(file: Path, temporary: Path) -> Iterator[None]:
    """Name the zip file, not the temporary folder, in the sentence on a run that is not whole."""
    try:
        yield
    except Problem as problem:
        said = str(problem).replace(f"{temporary}{os.sep}", "").replace(str(temporary), "the run")
        raise RunProblem(f"{file} is not imported: {said}") from None


def _check_contents(directory: Path) -> str:
    """Read all of a run, comparing every checksum; returns its model's name.

    Its run.json then says that it was imported, and no longer where its text was.
    """
    contents = read_json(directory / "run.json")
    run = open_run(directory)
    record = run.record
    base = record.base
    if base is not None and (base.path, base.corpus and base.corpus.path) != (None, None):
        raise RunProblem(
            "run.json names a place on another machine for the run that it started from."
        )
    words = [record.corpus.title, record.corpus.name, record.recipe or "", record.created]
    words += [base.title] if base is not None else []
    if not all(label.plain(text, MOST_TEXT) for text in words):
        raise RunProblem("run.json holds a name that is too long or not plain text.")
    if max(len(record.note), len(base.note) if base is not None else 0) > label.MOST_NOTE:
        raise RunProblem("run.json holds a note that is too long.")
    run.tokenizer()  # before its vocabulary makes a model
    if record.parameters != count_parameters(outline(run.plan, record.vocab_size)):
        raise RunProblem("run.json holds a number of parameters that its model does not have.")
    if not _finite([*record.baselines.values(), record.corpus.floor]):
        raise RunProblem("run.json holds a number that is not finite.")
    run.status()
    for line in run.metrics():
        if not _finite(line.values()) or not isinstance(line["step"], int):
            raise RunProblem("metrics.jsonl holds a number that cannot be one of a run.")
    if notice := label.read(directory)[1]:
        raise RunProblem(notice)
    for step in run.snapshots():
        run.snapshot(step)
    if run.snapshots():
        run.model()
    if (directory / "resume.safetensors").exists():
        run.checkpoint()
    if (directory / "counted.safetensors").exists():
        read_tensors(directory / "counted.safetensors")
    if record.corpus.path is not None:  # of another machine, and none of this one's is to be opened
        contents["corpus"] = contents["corpus"] | {"path": None}
    contents["imported"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(directory / "run.json", contents)
    return record.model


def _finite(values: Iterable[Any]) -> bool:
    """Whether the numbers among some values can be drawn."""
    try:
        return all(math.isfinite(value) for value in values if isinstance(value, int | float))
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _placed(temporary: Path, folder: Path, name: str | None, model: str) -> Path:
    """Move a whole run to its place, by one rename."""
    while True:
        out = folder / (name or f"{model}-imported-{secrets.token_hex(3)}")
        if not out.exists():
            with explained(folder):
                os.rename(temporary, out)
            return out
        if name is not None:
            raise RunProblem(f"{out} already exists: choose a new folder.")
