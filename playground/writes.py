"""Who has texts written now: few for one visitor, and none that nobody listens to.

A text is written in the server, at most four at a time for all visitors, and takes up to a minute.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from lm.errors import SettingsProblem
from playground.gate import Listeners
from playground.visitors import Visitor, over

PATIENCE = (
    2.0  # seconds that a text goes on without a listener: a page listens soon after it has asked
)


class Writes:
    """The texts that are being written."""

    def __init__(self, most: int) -> None:
        """most: texts of one visitor at once."""
        self.most = most
        self.listeners = Listeners()
        self._visitors: list[Visitor] = []  # one for each text
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def one_more(self, visitor: Visitor, session: str | None) -> Iterator[Callable[[], bool]]:
        """Count one text; gives a function that says whether somebody still listens to the session.

        `SettingsProblem` if the visitor has as many as they may. Without a session there is no page to ask.
        """
        with self._lock:
            if over(visitor, self._visitors, self.most):
                raise SettingsProblem(
                    f"{self.most} texts are being written for you: wait until one is done."
                )
            self._visitors.append(visitor)
        heard = time.monotonic()

        def listens() -> bool:
            nonlocal heard
            if session is None or self.listeners.hears(session):
                heard = time.monotonic()
                return True
            return time.monotonic() - heard < PATIENCE

        try:
            yield listens
        finally:
            with self._lock:
                self._visitors.remove(visitor)
