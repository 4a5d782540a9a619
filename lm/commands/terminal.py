"""The terminal of the command line: notes for people on stderr, and a sign of life while work takes long.

Results go to stdout. A console of another encoding shows what it cannot show as an escape, and a reader that
goes away, such as `head`, is no error.
"""

import contextlib
import errno
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
SILENCE = 2.0  # seconds of work after which something is shown


class Notes(Console):
    """A console for notes. If nobody can read them any more, the work goes on in silence."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As `Console.print`; a note that cannot be written is dropped."""
        with contextlib.suppress(OSError):
            super().print(*objects, **options)

    def say(self, sentence: str | None) -> None:
        """Print a sentence, if there is one; the console reads no markup in it and breaks no lines."""
        if sentence:
            self.print(sentence, markup=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Say nothing from now on."""
        self.quiet = True


notes = Notes(stderr=True, highlight=False)


def accept_any_encoding() -> None:
    """Let stdout and stderr write characters that their encoding does not have, as "\\u2192"."""
    for stream in (sys.stdout, sys.stderr):  # None if it is closed
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Send the rest of stdout nowhere, because its reader has gone; Python would complain at the exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def lost_output(error: OSError) -> bool:
    """Say that results could not be written to stdout; False if the error is another one."""
    if error.filename is not None or error.errno not in NO_ROOM:
        return False
    discard_output()
    notes.print(f"Error: the output cannot be written: {error.strerror}.", markup=False)
    return True


@contextlib.contextmanager
def working(title: str, console: Console = notes) -> Iterator[Callable[[float], None]]:
    """Show a bar, or outside a terminal a line, once the work inside has taken `SILENCE` seconds.

    Gives a function to call with the share that is done, 0 to 1. A bar without a share moves to and fro.
    """
    columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    bar, shown = progress.add_task("", total=None), False

    def show() -> None:
        nonlocal shown
        with contextlib.suppress(OSError):  # the terminal may be gone
            if console.is_terminal:
                shown = True
                progress.start()
            else:
                console.print(f"{title} …", markup=False)

    def tell(share: float) -> None:
        progress.update(bar, total=1.0, completed=share)

    timer = threading.Timer(SILENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()
        timer.join()
        with contextlib.suppress(OSError):
            if shown:
                progress.stop()
