"""The model that a visitor names or sends as a run directory: from the hub, a GGUF file, a Hugging Face folder.

It runs in the process of an import (`worker.py`). Of an archive only the files of one model are unpacked, into
one folder.
"""

import dataclasses
import fnmatch
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from torch import Tensor

from lm.costs.sizes import count_parameters, free_disk, size_in_words
from lm.errors import RunProblem
from lm.interchange import gguf_file, hub
from lm.interchange.found import Found, outline_of
from lm.interchange.hugging_face import found_in
from lm.interchange.importing import BYTES, SMOLLM2, find, import_model
from lm.runs import zip_checks

Tell = Callable[[str, float | None], None]
PATTERNS = (*hub.FILES, "*.gguf", "*.bin")  # of a model; a .bin is refused, by a sentence
UNNAMED = "uploaded files"
FAMILIES = {"gpt2": "GPT-2", "llama": "Llama"}
LOOK = 0.5  # seconds between two looks at how much has come from the hub


def take(
    tell: Tell,
    files: Path,
    out: Path,
    *,
    name: str = "",
    title: str = "",
    weights: Literal["float32", "bfloat16"] = "float32",
    most_bytes: int | None = None,
    most_memory: int | None = None,
    keep_cache: bool = True,
) -> str:
    """Import the model of a name, or of the files that came; returns its title. `RunProblem` says why not.

    title: of files. most_bytes: of the files. most_memory: bytes that the weights may take. keep_cache: whether
    what the hub sends stays in its cache.
    """
    if name:
        found = _named(tell, name, weights, most_bytes, None if keep_cache else files)
    else:
        found = _sent(tell, files, title, weights, most_bytes)
    parameters = count_parameters(outline_of(found.config, found.vocab_size))
    if found.title == UNNAMED:
        family = FAMILIES[found.config.family]
        found = dataclasses.replace(found, title=f"{family} of {parameters:,} parameters")
    size = parameters * BYTES[weights]
    if most_memory is not None and size > most_memory:
        raise RunProblem(
            f"The weights of this model take {size_in_words(size)}, and this page takes up to "
            f"{size_in_words(most_memory)}: choose a smaller model, or run the page on a machine of your own."
        )
    import_model(dataclasses.replace(found, weights=lambda: _followed(found, tell)), out)
    return found.title


def _followed(found: Found, tell: Tell) -> Iterator[tuple[str, Tensor]]:
    """The weights, telling how many have been read."""
    total = sum(1 for _ in outline_of(found.config, found.vocab_size).state_dict())
    for number, one in enumerate(found.weights()):
        tell("Reading the weights", min(1.0, number / total))
        yield one
    tell("Writing the run", None)


# By name


def _named(tell: Tell, name: str, weights: str, most: int | None, cache: Path | None) -> Found:
    """A model by its name; never a path of this machine, which a visitor must not read."""
    if name == SMOLLM2:
        tell("Looking for SmolLM2", None)
        return find(name, weights)
    hub.check_name(name)
    tell(f"Asking the hub for {name}", None)
    size = hub.size_of(name)
    free = free_disk(cache or Path.home())
    for room, why in ((most, "and this page takes up to"), (free, "and the disk has")):
        if size is not None and room is not None and size > room:
            raise RunProblem(
                f"The files of {name} have {size_in_words(size)}, {why} {size_in_words(room)}: "
                "choose a smaller model."
            )
    with Progress(tell, name, size, cache):
        folder = hub.fetched(name, cache)
    return found_in(folder, weights, None, name)


class Progress:
    """Tells, while the hub sends a model, how much of it has come."""

    def __init__(self, tell: Tell, name: str, size: int | None, cache: Path | None) -> None:
        self.tell, self.name, self.size = tell, name, size
        self.cache, self.ended = cache, threading.Event()

    def __enter__(self) -> None:
        self.tell(f"Downloading {self.name}", None)
        threading.Thread(target=self._follow, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()

    def _follow(self) -> None:
        while self.size and not self.ended.wait(LOOK):
            come = min(self.size, hub.come(self.name, self.cache))
            if not self.ended.is_set():
                of = size_in_words(self.size)
                words = f"Downloading {self.name}: {size_in_words(come)} of {of}"
                self.tell(words, come / self.size)


# As files


def _sent(tell: Tell, files: Path, title: str, weights: str, most: int | None) -> Found:
    """The model in the files that came."""
    for archive in sorted(files.glob("*.zip")):
        tell("Unpacking", None)
        unpacked(archive, files, most)
        archive.unlink()
    tell("Looking at the files", None)
    ggufs = sorted(files.glob("*.gguf"))
    if len(ggufs) > 1 or (ggufs and (files / "config.json").exists()):
        raise RunProblem("These are several models: import one at a time.")
    if ggufs:
        return gguf_file.found_in(ggufs[0], weights, None)
    return found_in(files, weights, None, title or UNNAMED)


def is_model_file(name: str) -> bool:
    """Whether a file of this name can belong to a model; a name with a path cannot."""
    return PurePosixPath(name).name == name and any(fnmatch.fnmatch(name, p) for p in PATTERNS)


def unpacked(archive: Path, out: Path, most: int | None) -> None:
    """Unpack the files of a model from a zip, without their folders. `RunProblem` for what is none."""
    with zip_checks.opened(archive) as opened:
        members = model_members(opened, archive)
        size = sum(info.file_size for info in members.values())
        if most is not None and size > most:
            raise RunProblem(
                f"{archive} unpacks to {size_in_words(size)}, and this page takes up to "
                f"{size_in_words(most)}."
            )
        zip_checks.check_growth(size, archive)
        free = free_disk(out)
        if free is not None and size > free:
            raise RunProblem(
                f"{archive} unpacks to {size_in_words(size)}, and {size_in_words(free)} are free."
            )
        for name in [name for name in members if name.endswith(".bin")]:
            del members[name]  # it is never read: its name alone tells that the model is in pickles
            (out / name).touch()
        zip_checks.unpack(opened, members, out, archive)


def model_members(archive: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of a model in an archive, by their name: those of the one folder that holds a model."""
    folders: dict[PurePosixPath, dict[str, zipfile.ZipInfo]] = {}
    for info in archive.infolist()[: zip_checks.MOST_MEMBERS]:
        path = PurePosixPath(info.filename)
        if info.is_dir() or path.parts[:1] == ("__MACOSX",) or not is_model_file(path.name):
            continue
        zip_checks.check_member(info, file)
        folders.setdefault(path.parent, {})[path.name] = info
    models = [
        found
        for found in folders.values()
        if "config.json" in found or any(name.endswith(".gguf") for name in found)
    ]
    if len(models) > 1:
        raise RunProblem(f"{file} holds several models: import one at a time.")
    if not models:
        raise RunProblem(
            f"{file} holds neither a run nor a model: zip a folder of Hugging Face's or a GGUF file."
        )
    return models[0]
