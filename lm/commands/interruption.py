"""The signals that ask a command to end: Ctrl-C, SIGTERM, and SIGHUP of a terminal that closes.

While nothing can be lost, a process ends at once, with one sentence. A run in training is told that it was
asked to end, saves itself and ends; if it does not in time, because a step takes longer, it ends without that.

Imports nothing heavy: `python -m lm` handles signals before it imports torch.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NoReturn

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in dir(signal)
)
PATIENCE = 4.0  # seconds that a run has to save itself
BEFORE = "Interrupted before training began."


def exit_at_once() -> None:
    """From now on, end the process as soon as it is asked to; for the imports, which take seconds."""
    for number in _heeded():
        signal.signal(number, lambda number, frame: _leave(number, "Interrupted."))


def as_usual() -> None:
    """Undo `exit_at_once`: Ctrl-C raises `KeyboardInterrupt`, the others end the process without a word."""
    for number in _heeded():
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)


@contextlib.contextmanager
def tidily() -> Iterator[None]:
    """Inside, a signal that asks to end raises an exception, so that a half-written file is removed.

    Ctrl-C does so anyway (`KeyboardInterrupt`); SIGTERM and SIGHUP raise `SystemExit` with their exit code.
    """

    def leave(number: int, frame: Any) -> NoReturn:
        for known in before:
            signal.signal(known, signal.SIG_IGN)  # a second one must not stop the removing
        os.write(2, b"Interrupted.\n")
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in _heeded() if number != signal.SIGINT}
    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def ignore() -> None:
    """From now on, let no signal that asks to end do so: the process is ending."""
    for number in _heeded():
        signal.signal(number, signal.SIG_IGN)


class Interruption:
    """Notes that the process was asked to end; a context manager, of the main thread.

    number: the first signal that asked, 0 until one has. Until `can_save` is true, the process ends at once;
    then it has `PATIENCE` to save itself. If it must end without that, it calls `last_act` and prints
    `last_words`.
    """

    def __init__(self) -> None:
        self.number = 0
        self.last_words = BEFORE
        self.last_act: Callable[[], None] = lambda: None
        self.can_save = False
        self._ended = threading.Event()
        self._before: dict[int, Any] = {}

    def leave(self, sentence: str) -> NoReturn:
        """End the process that was asked to end, with the exit code that tells so: 130 after Ctrl-C.

        At once: on a busy machine, Python takes seconds to take itself apart.
        """
        _leave(self.number, sentence)

    def __enter__(self) -> "Interruption":
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        # Python's own handlers run between two lines of Python, so never in the middle of a long product of
        # matrices. The number of a signal is written to this socket at once.
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True).start()
        for number in _heeded():
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._wakeup_before)
        self._writer.close()

    def _note(self, number: int, frame: Any) -> None:
        self.number = self.number or number  # a second one changes nothing: the first ends it soon
        if not self.can_save:
            _leave(self.number, self.last_words)

    def _watch(self) -> None:
        """Wait for a signal, give the process time to save itself, and end it."""
        with self._reader:  # open to the end: Python complains of a second signal that nobody reads
            while (told := self._reader.recv(1)) and told[0] not in self._before:
                pass
            if told and not self._ended.wait(PATIENCE):
                with contextlib.suppress(Exception):  # it ends, whatever comes
                    self.last_act()
                _leave(told[0], self.last_words)


def _heeded() -> list[int]:
    """The signals that are not to be ignored, as SIGHUP is after `nohup`."""
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def _leave(number: int, sentence: str) -> NoReturn:
    """End the process with a sentence, if there is one, at once and from any thread."""
    cursor = "\x1b[?25h" if sys.stderr and sys.stderr.isatty() else ""  # a progress bar hides it
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, f"{cursor}{sentence}\n".encode() if sentence else b"")
    os._exit(128 + number)
