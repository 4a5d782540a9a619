"""Who has texts written now: few for one visitor, and none that nobody listens to.

A text is written in the server, at most four at a time for all visitors, and takes up to a minute.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from lm.errors import SettingsProblem
from playground.serving.gate import Listeners
from playground.serving.visitors import Visitor, over

# Seconds that a text goes on without a listener: a page listens soon after it has asked.
PATIENCE = 2.0
BRIEF = 0.3  # the same for somebody who has left a text within the last
LEFT = 60.0  # seconds


class Writes:
    """The texts that are being written."""

    def __init__(self, most: int) -> None:
        """most: texts of one visitor at once."""
        self.most = most
        self.listeners = Listeners()
        self._visitors: list[Visitor] = []  # one for each text
        self._lock = threading.Lock()
        # When a visitor, or a session, last did not listen: they may have many texts waiting in the queue.
        self._left: dict[Visitor | str | None, float] = {}

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
        left = any(
            time.monotonic() - self._left.get(who, -LEFT) < LEFT for who in (visitor, session)
        )

        def listens() -> bool:
            nonlocal heard
            if session is None or self.listeners.hears(session):
                heard = time.monotonic()
                return True
            stays = time.monotonic() - heard < (BRIEF if left else PATIENCE)
            if not stays:
                self._forget_old()
                self._left |= dict.fromkeys((visitor, session), time.monotonic())
            return stays

        try:
            yield listens
        finally:
            with self._lock:
                self._visitors.remove(visitor)

    def count(self) -> int:
        """The texts that are being written now, of all visitors."""
        with self._lock:
            return len(self._visitors)

    def _forget_old(self) -> None:
        now = time.monotonic()
        self._left = {who: when for who, when in self._left.items() if now - when < LEFT}
