"""Reading and writing the files of a run directory: JSON, JSON lines, text and safetensors.

A file is replaced whole (`lm/atomic.py`), so that a crash leaves either the old contents or the new, and holds
a checksum of its contents (`checksums.py`). Damaged files, and full or read-only disks, raise a `RunProblem`
with one clear sentence. Nothing is ever unpickled.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lm.atomic import remove_leftovers, replaced
from lm.errors import RunProblem
from lm.runs import checksums

# Bytes of a metrics file that are read to find its last line; more if that line is longer.
TAIL = 4096
CHANGED = "its contents are not those that were written"
FULL = ("No space left", "Not enough free space", " requested and ")  # what a full disk is called


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run directory. `RunProblem` if it is missing or damaged."""
    try:
        contents = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise RunProblem(f"{path} is damaged: it is not JSON.") from None
    if not isinstance(contents, dict):
        raise RunProblem(f"{path} is damaged: it is not a JSON object.")
    checksum = contents.pop(checksums.KEY, None)
    if checksum is not None and checksum != checksums.of_json(contents):
        raise RunProblem(
            f"{path} is damaged: {CHANGED}. Restore it from a copy; if you changed it yourself, remove its "
            f'line "{checksums.KEY}".'
        )
    return contents


def read_metrics(
    path: Path, start: int = 0, end: int | None = None
) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a metrics file from byte `start` to `end`, and the byte after the last of them."""
    with _opened(path) as (file, size):
        earlier = max(0, start - checksums.ENDING)
        file.seek(earlier)
        before = checksums.at_end(file.read(start - earlier))
        fresh = file.read(max(0, (size if end is None else end) - start))
    whole = fresh[: fresh.rfind(b"\n") + 1]
    return _records(path, whole, start, before), start + len(whole)


def last_record(path: Path) -> dict[str, Any] | None:
    """The last whole line of a metrics file, without reading the others; None if there is none."""
    with _opened(path) as (file, size):
        length = TAIL
        while True:
            begin = max(0, size - length)
            file.seek(begin)
            *lines, torn = file.read(size - begin).split(b"\n")
            if begin == 0 or len(lines) > 2:  # the first of the lines is whole only at byte 0
                break
            length *= 8
    if not lines:
        return None
    line = lines[-1] + b"\n"
    before = checksums.at_end(lines[-2] + b"\n") if len(lines) > 1 else checksums.FIRST
    return _records(path, line, size - len(torn) - len(line), before)[0]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A metrics file, and its size now."""
    try:
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None


def _records(path: Path, lines: bytes, start: int, before: str) -> list[dict[str, Any]]:
    """The records in some lines of a metrics file.

    The first of them begins at byte `start`, and `before` is the checksum of the line before it.
    """
    records = []
    for line in lines.split(b"\n")[:-1]:
        try:
            records.append(checksums.from_line(line, before))
            before = checksums.at_end(line + b"\n")
        except ValueError as error:
            why = (
                "it is not JSON"
                if isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
                else str(error)
            )
            raise RunProblem(
                f"{path} is damaged: the line at byte {start:,} has changed ({why}). The snapshots of "
                "the run can still be used."
            ) from None
        start += len(line) + 1
    return records


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. `RunProblem` if it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            metadata = dict(file.metadata() or {})
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except (SafetensorError, OSError) as error:
        raise RunProblem(f"{path} is damaged or not a safetensors file: {error}.") from None
    checksum = metadata.pop(checksums.KEY, None)
    if checksum is None:
        whole = metadata.keys() <= checksums.BEFORE
    else:
        whole = checksum == checksums.of_tensors(tensors, metadata)
    if not whole:
        raise RunProblem(f"{path} is damaged: {CHANGED}.")
    return tensors, metadata


def tensors_checksum(path: Path) -> str | None:
    """The checksum that a safetensors file says it has, or has if it is an older one; None if there is none."""
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get(checksums.KEY)
    except (SafetensorError, OSError):
        return None
    return told or checksums.of_tensors(*read_tensors(path))


def write_json(path: Path, contents: dict[str, Any], *, with_checksum: bool = True) -> None:
    """Replace a JSON file, whole. A file of a foreign format has no checksum."""
    if with_checksum:
        contents = contents | {checksums.KEY: checksums.of_json(contents)}
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with replaced(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_text(path: Path, text: str) -> None:
    """Replace a text file, whole, making its folder. `RunProblem` on a full or read-only disk.

    Temporary files that killed processes have left in the folder are deleted once they are an hour old.
    """
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        with replaced(path) as temporary:
            temporary.write_text(text, "utf-8", newline="")


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Replace a safetensors file, whole. A matrix that two names share is written under both."""
    copies: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        copy = tensor.detach().cpu().contiguous()
        storage = copy.untyped_storage().data_ptr()
        copies[name] = copy.clone() if storage in places else copy
        places.add(storage)
    checksum = {checksums.KEY: checksums.of_tensors(copies, metadata)}
    with replaced(path) as temporary:
        save_file(copies, temporary, metadata | checksum)


@contextlib.contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn what the disk says into a sentence."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        # numpy's `tofile` gives no number, and has a sentence for each way to see that.
        full = any(words in str(error) for words in FULL)
        if number == errno.ENOSPC or full:
            what = "the disk is full; free some space"
        elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
            what = "it is read-only; choose another folder"
        else:
            what = getattr(error, "strerror", None) or str(error)
        raise RunProblem(f"The run cannot be written to {directory}: {what}.") from None
