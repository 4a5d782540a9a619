"""Reading and writing the files of a run directory: JSON, JSON lines, text and safetensors.

A file is replaced whole (written to a temporary neighbour, then renamed), so that a crash leaves either the old
contents or the new. Damaged files, and full or read-only disks, raise a `RunProblem` with one clear sentence.
Nothing is ever unpickled.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lm.errors import RunProblem


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
    return contents


def read_metrics(path: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a metrics file from byte `start` on, and the byte after the last of them."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            fresh = file.read()
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None
    whole = fresh[: fresh.rfind(b"\n") + 1]
    try:
        records = [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise RunProblem(f"{path} is damaged: a line of it is not JSON.") from None
    if not all(
        isinstance(record, dict) and {"type", "step"} <= record.keys() for record in records
    ):
        raise RunProblem(f"{path} is damaged: a line of it is not a record of a run.")
    return records, start + len(whole)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. `RunProblem` if it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except (SafetensorError, OSError) as error:
        raise RunProblem(f"{path} is damaged or not a safetensors file: {error}.") from None


def write_json(path: Path, contents: Any) -> None:
    """Replace a JSON file, whole."""
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with _beside(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_text(path: Path, text: str) -> None:
    """Replace a text file, whole, making its folder. `RunProblem` on a full or read-only disk."""
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path) as temporary:
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
    with _beside(path) as temporary:
        save_file(copies, temporary, metadata)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary neighbour of `path` that takes its place if nothing went wrong."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn what the disk says into a sentence."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENOSPC or "No space left" in str(error):
            what = "the disk is full; free some space"
        elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
            what = "it is read-only; choose another folder"
        else:
            what = getattr(error, "strerror", None) or str(error)
        raise RunProblem(f"The run cannot be written to {directory}: {what}.") from None
