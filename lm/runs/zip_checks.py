"""A zip file from a stranger: whether it may be unpacked as a run, and unpacking it.

It is checked before anything is written: its members are the files of a run and nothing else, they have their
places inside, and they do not grow beyond measure. `archive.py` then reads the run itself.
"""

import contextlib
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from lm.costs.sizes import size_in_words
from lm.errors import Problem, RunProblem
from lm.runs import label
from lm.runs.files import explained

NEEDED = ("run.json", "status.json", "tokenizer.json", "metrics.jsonl")
CHAT = "chat.json"  # of a model that others trained (`lm/interchange/chat.py`)
COPIED = ("tokenizer.json", "resume.safetensors", "counted.safetensors", "README.md", CHAT)
FILES = (*NEEDED, *COPIED[1:], label.FILE)
SNAPSHOT = re.compile(r"snapshots/\d{8,}\.safetensors")
# Files that a person's computer adds when it zips a folder.
LEFT_OUT = re.compile(r"__MACOSX/.*|(.*/)?(\.DS_Store|lock|\..*\.tmp)")
MOST_MEMBERS = 1000
MOST_BYTES = 2_000_000_000  # unpacked
MOST_RATIO = 100  # unpacked to packed, of an archive that unpacks to more than `SMALL` bytes
SMALL = 10_000_000
MOST_DIRECTORY = 500_000  # bytes of the zip's list of members


@contextlib.contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The zip in a file. `RunProblem` if there is none."""
    try:
        with file.open("rb") as source:
            _check_directory(source, file)
            with zipfile.ZipFile(source) as archive:
                yield archive
    except FileNotFoundError:
        raise RunProblem(f"There is no file {file}.") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise RunProblem(f"{file} is damaged or no zip file: {error}.") from None
    except (struct.error, ValueError, OverflowError) as error:
        if isinstance(error, Problem):
            raise
        raise RunProblem(f"{file} is damaged or no zip file.") from None
    except OSError as error:
        raise RunProblem(f"{file} cannot be read: {error.strerror or error}.") from None


def _check_directory(source: BinaryIO, file: Path) -> None:
    """Refuse a zip whose list of members alone would fill the memory: `zipfile` reads all of it at once.

    The record at the end of a zip tells its length. Zips of more than 4 GB have another such record.
    """
    begins = source.read(4)
    length = source.seek(0, os.SEEK_END)
    if not length:
        raise RunProblem(f"{file} is empty, and no zip file.")
    source.seek(max(0, length - 70_000))
    tail = source.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + 22:
        if begins == b"PK\x03\x04":
            raise RunProblem(f"{file} is a zip file without its end: copy or download it again.")
        raise RunProblem(f"{file} is no zip file.")
    size = struct.unpack("<L", tail[place + 12 : place + 16])[0]
    if size > MOST_DIRECTORY or b"PK\x06\x07" in tail[max(0, place - 20) : place]:
        raise RunProblem(
            f"{file} holds more files than a run has, or larger ones: it is not unpacked."
        )


def checked(archive: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """The members to unpack by their place in the run directory. `RunProblem` if it is not an honest run."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise RunProblem(
            f"{file} holds {len(infos):,} files, and a run has at most {MOST_MEMBERS:,}: it is not unpacked."
        )
    for info in infos:
        check_member(info, file)
    kept = [info for info in infos if not info.is_dir() and not LEFT_OUT.fullmatch(info.filename)]
    tops = [PurePosixPath(i.filename).parent for i in kept if i.filename.endswith("run.json")]
    if len(tops) != 1:
        many = (
            "no run: there is no run.json in it"
            if not tops
            else "several runs: import one at a time"
        )
        raise RunProblem(f"{file} holds {many}.")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in kept:
        path = PurePosixPath(info.filename)
        place = str(path.relative_to(tops[0])) if path.is_relative_to(tops[0]) else info.filename
        if (place not in FILES and not SNAPSHOT.fullmatch(place)) or place in members:
            again = "twice" if place in members else "which is no file of a run"
            raise RunProblem(f"{file} holds {shown(info.filename)}, {again}: it is not unpacked.")
        members[place] = info
    if missing := [name for name in NEEDED if name not in members]:
        raise RunProblem(f"{file} holds no whole run: {missing[0]} is missing.")
    size = sum(info.file_size for info in kept)
    if size > MOST_BYTES:
        raise RunProblem(
            f"{file} unpacks to {size_in_words(size)}, and a run may take {size_in_words(MOST_BYTES)}: "
            "it is not unpacked."
        )
    check_growth(size, file)
    return members


def check_member(info: zipfile.ZipInfo, file: Path) -> None:
    """Refuse paths outside, links, what is no plain file, and ways of packing that runs do not use."""
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    parts = info.orig_filename.split("/")
    outside = name.startswith("/") or ".." in parts or "\\" in info.orig_filename or ":" in name
    if outside or "\0" in info.orig_filename:
        raise RunProblem(f"{file} holds a path outside of it, {shown(name)}: it is not unpacked.")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise RunProblem(f"{file} holds a link, {shown(name)}: it is not unpacked.")
    if info.flag_bits & 0x1:
        raise RunProblem(f"{file} is encrypted: pack it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RunProblem(
            f"{file} is packed in a way that runs are not: make a zip file of the usual kind (deflate)."
        )


def check_growth(size: int, file: Path) -> None:
    """Refuse a zip that unpacks to `size` bytes if that is beyond measure: weights hardly shrink by packing.

    `zipfile` unpacks no more than the sizes that the zip tells.
    """
    packed = file.stat().st_size
    if size > SMALL and size > MOST_RATIO * packed:
        raise RunProblem(
            f"{file} unpacks to {size // max(1, packed):,} times its size, as no run and no model does: "
            "it is not unpacked."
        )


def unpack(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], out: Path, file: Path
) -> None:
    """Write the members. `RunProblem` if the zip's own checksums are wrong, or the disk is full."""
    for place, info in members.items():
        try:
            with archive.open(info) as source, explained(out), (out / place).open("xb") as target:
                while piece := _piece(source, file, info):
                    target.write(piece)
        except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
            raise RunProblem(f"{file} is damaged: {error}.") from None


def _piece(source: Any, file: Path, info: zipfile.ZipInfo) -> bytes:
    """The next megabyte of a member."""
    try:
        piece: bytes = source.read(1 << 20)
        return piece
    except Exception:  # a wrong checksum, zlib.error, and whatever else a damaged stream leads to
        raise RunProblem(
            f"{file} is damaged: {shown(info.filename)} in it cannot be unpacked."
        ) from None


def shown(name: str) -> str:
    """A name from an archive, made harmless and short."""
    return ascii(name if len(name) <= 60 else name[:57] + "...")
