"""One writer for each run directory.

The process that trains a run locks the file `lock` in its directory and writes its own number and machine into
it. The operating system lets go of the lock when the process ends, however it ends: whether a run is being
trained is a question to the lock and never to a clock.

`filelock`, on which torch depends, empties the file as it opens it, so that a refused process would wipe out
whose lock it is, and it cannot look at a lock in a folder that is read-only.
"""

import contextlib
import os
import re
import socket
import sys
import time
from pathlib import Path
from types import TracebackType

from lm.errors import RunProblem
from lm.runs.files import explained

NAME = "lock"
PATIENCE = 0.5  # seconds; somebody who only looks at the lock holds it for less than a millisecond

if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int, shared: bool) -> bool | None:
        """Lock an open file; False if another holds the lock.

        The locked byte lies beyond the text, which stays readable.
        """
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        if shared:
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return True

    def _is_alive(process: int) -> bool:
        return False  # never asked: Windows locks the files of every disk

else:
    import fcntl

    def _locked(descriptor: int, shared: bool) -> bool | None:
        """Lock an open file; False if another holds the lock, None if this disk knows no locks."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True

    def _is_alive(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives, and belongs to somebody else
        return True


class WriterLock:
    """The right to write a run directory; a context manager.

    Raises `RunProblem` if another process has it. A lock that a killed process of this machine has left is
    free; of one that another machine has left, nobody can tell from here whether its process still runs.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock of a directory that exists."""
        with explained(self.directory):
            descriptor = os.open(self.directory / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._check(descriptor)
            with explained(self.directory):
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; its file stays, empty."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None

    def _check(self, descriptor: int) -> None:
        """Lock the open file. `RunProblem` if another process writes the run, or may write it."""
        patience = time.monotonic() + PATIENCE
        while (locked := _locked(descriptor, shared=False)) is False:
            if time.monotonic() > patience:
                break
            time.sleep(0.02)
        owner = _text(descriptor)
        process, host = _parts(owner)
        if locked is False or (locked is None and _lives(process, host)):
            raise RunProblem(
                f"{_capital(owner)} trains the run in {self.directory}: wait until it has ended, end it, "
                "or choose another folder."
            )
        if host and host != socket.gethostname():
            raise RunProblem(
                f"{_capital(owner)}, another machine, trained the run in {self.directory} and has not said "
                f"that it ended: if it no longer runs there, delete {self.directory / NAME} and try again."
            )

    def __enter__(self) -> "WriterLock":
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def writer(directory: Path) -> str | None:
    """The process that trains the run in a directory, "process 123 on HOST"; None if there is none.

    Reads only, and never fails.
    """
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        locked = _locked(descriptor, shared=True)
        owner = _text(descriptor)
        if locked is False or (locked is None and _lives(*_parts(owner))):
            return owner
        return None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _text(descriptor: int) -> str:
    """The owner that a lock file names."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    owner = os.read(descriptor, 300).decode("utf-8", "replace").strip()
    return owner if _parts(owner)[1] else "another process"


def _parts(owner: str) -> tuple[int, str]:
    """The process and the host of a lock's text; 0 and "" if it names none."""
    found = re.fullmatch(r"process (\d{1,10}) on (\S+)", owner)
    return (int(found[1]), found[2]) if found else (0, "")


def _lives(process: int, host: str) -> bool:
    """Whether the process that a lock names lives, where the disk knows no locks."""
    return host == socket.gethostname() and process != os.getpid() and _is_alive(process)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
