"""Work of seconds beside the page, whose result is shown as far as it is: ask again until it is done.

One work runs at a time, in a thread of its own, and it ends when nobody has asked for it for a while.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lm.errors import Problem

KEPT = 64  # results
LISTENS = 5.0  # seconds since the last question after which nobody waits any more

Kind = TypeVar("Kind")


@dataclass(eq=False)
class Work(Generic[Kind]):
    """Work under way, or done. found: the result so far; error: why there is none."""

    asked: float = field(default_factory=time.monotonic)
    found: Kind | None = None
    done: bool = False
    error: str | None = None


class Beside:
    """Works of all kinds, by what they are about; the last ones are kept."""

    def __init__(self) -> None:
        self._works: OrderedDict[Hashable, Work[Any]] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def of(self, key: Hashable, work_out: Callable[[], Iterator[Kind]]) -> Work[Kind]:
        """The work of a key, begun if it is not known.

        work_out: called in the thread, for it may take a while; yields the result so far.
        """
        with self._lock:
            work = self._works.get(key)
            if work is None:
                work = self._works[key] = Work()
                threading.Thread(target=self._work, args=(key, work, work_out), daemon=True).start()
            work.asked = time.monotonic()
            self._works.move_to_end(key)
            while len(self._works) > KEPT:
                self._works.popitem(last=False)
        return work

    def _work(
        self, key: Hashable, work: Work[Kind], work_out: Callable[[], Iterator[Kind]]
    ) -> None:
        try:
            with self._turn:
                for found in work_out():
                    work.found = found
                    if time.monotonic() - work.asked > LISTENS:  # nobody listens: forget it
                        with self._lock:
                            self._works.pop(key, None)
                        return
            work.done = True
        except Problem as problem:
            work.error = str(problem)
        except Exception as error:  # the last line of defence: the page must not wait for ever
            work.error = f"This could not be worked out: {error!r}."
