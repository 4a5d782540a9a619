"""Answers that are the same for everybody, worked out once: a class looks at one run at the same moment."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kind = TypeVar("Kind")


class Kept(Generic[Kind]):
    """The last few answers by their question. Whoever asks while an answer is worked out waits for it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._answers: OrderedDict[Hashable, Kind] = OrderedDict()  # the most recently used last
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, question: Hashable, work_out: Callable[[], Kind]) -> Kind:
        """The answer to a question; an exception of `work_out` goes on, and is not kept."""
        with self._lock:
            making = self._making.setdefault(question, threading.Lock())
        with making:
            with self._lock:
                known = question in self._answers
                if known:
                    self._answers.move_to_end(question)
                    answer = self._answers[question]
            try:
                if not known:
                    answer = work_out()
            finally:
                with self._lock:
                    self._making.pop(question, None)
            with self._lock:
                self._answers[question] = answer
                while len(self._answers) > self.most:
                    self._answers.popitem(last=False)
        return answer
