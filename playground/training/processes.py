"""Starts the processes of the server, so that no signal to the server's process group ends them.

Ctrl-C in a terminal, its closing, and many service managers signal every process of a group at once. Only the
server may act on that: it has every run saved and then ends its processes. So the fork server, from which all
of them are forked, starts with these signals blocked, and they inherit that from their first instruction on.
"""

import contextlib
import multiprocessing.forkserver
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # signals that ask the server to end
_context: Any = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["playground.training.worker"])
_starting = threading.Lock()  # two threads that poll one process would read its exit code twice


def start(target: Callable[..., None], *args: Any) -> tuple[Any, Connection]:
    """Start `target(pipe, *args)` in a process; returns the process and our end of the pipe.

    The process and the pipe's other end are open until it exits: then the pipe has EOF.
    """
    pipe, child_end = _context.Pipe()
    try:
        process = _context.Process(target=target, args=(child_end, *args), daemon=True)
        with _starting, _blocked():
            process.start()
    except BaseException:
        pipe.close()
        raise
    finally:
        child_end.close()
    return process, pipe


def exit_code(process: Any, patience: float = 2.0) -> int | None:
    """The exit code of a process that is about to exit; -9 if signal 9 killed it; None if it is still there."""
    deadline = time.monotonic() + patience
    while True:
        with _starting:
            code = process.exitcode
        if code is not None or time.monotonic() > deadline:
            return code
        time.sleep(0.005)


def prepare() -> None:
    """Start the fork server, which imports the modules of a run for seconds, before the first run needs it."""
    with _starting, _blocked():
        multiprocessing.forkserver.ensure_running()


def on_ending(action: Callable[[], None]) -> None:
    """Act on the signals that ask the server to end; one that comes again then does no more.

    A closing terminal's is left ignored where `nohup` has asked for that.
    """
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: action())


def obey(number: int, action: Callable[[], None]) -> None:
    """Take a signal that is blocked in this process, which `start` has started, and act on it."""
    signal.signal(number, lambda *_: action())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})


def exit_with_server(pipe: Connection) -> None:
    """Let this process exit as soon as the server closes its end of the pipe, on which it sends nothing."""

    def wait() -> None:
        try:
            pipe.recv()
        finally:
            os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Block the signals in this thread; a process that starts meanwhile inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        resource_tracker.ensure_running()  # it unblocks two of them in the end
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
