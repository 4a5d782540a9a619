"""Files that are replaced whole, by any number of processes and threads at once.

The new contents go into a temporary neighbour of a name that nobody else uses, are flushed to the disk, and
take the file's place by one rename. A reader, and a crash, sees the old contents or the new. A process that is
killed while it writes leaves its temporary file; `remove_leftovers` deletes such files.
"""

import contextlib
import errno
import glob
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ABANDONED = 3600.0  # seconds; nobody still writes a temporary file that is older


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """The path of a temporary file to write; it takes the place of `path` if nothing went wrong.

    `OSError` if something else than a file is there: who may replace /dev/null must not.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):  # one look: others may delete it meanwhile
            raise FileExistsError(errno.EEXIST, f"{path} is no file; choose another name")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, older_than: float | None = ABANDONED) -> None:
    """Delete the temporary files in a folder that are older than so many seconds.

    None deletes all of them: only for the one process that may write there.
    """
    with contextlib.suppress(OSError):
        # the latter by safetensors
        _remove([*folder.glob(".*.tmp"), *folder.glob(".tmp*")], older_than)


def remove_leftovers_of(path: Path) -> None:
    """Delete the abandoned temporary files of one file, in a folder that others may write to as well."""
    with contextlib.suppress(OSError):
        _remove(path.parent.glob(f".{glob.escape(path.name)}.*.tmp"), ABANDONED)


def _remove(paths: Iterable[Path], older_than: float | None) -> None:
    """Delete those that are older than so many seconds."""
    for path in paths:
        with contextlib.suppress(OSError):
            if older_than is None or time.time() - path.stat().st_mtime > older_than:
                path.unlink()
