"""What switched-off heads cost, worked out beside the page: ask again until it is known.

A comparison over enough of the validation split takes seconds (`lm/ablation.py`). One runs at a time, in a
thread of its own, and it ends when nobody has asked for it for a while.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lm.ablation import EXACT, Cost, Head, cost_of, without_heads
from lm.errors import Problem

KEPT = 64  # results
LISTENS = 5.0  # seconds since the last question after which nobody waits any more

Key = tuple[str | None, int, frozenset[Head]]  # a run's identity, a step, the heads that are off


@dataclass(eq=False)
class _Work:
    """A comparison under way, or done."""

    asked: float = field(default_factory=time.monotonic)
    cost: Cost | None = None
    done: bool = False
    error: str | None = None


class HeadCosts:
    """The costs by run, step and heads; the last ones are kept."""

    def __init__(self) -> None:
        self._works: OrderedDict[Key, _Work] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def of(
        self,
        key: Key,
        model: nn.Module,
        validation: Callable[[], Tensor],
        context_length: int,
    ) -> dict[str, Any]:
        """{"words", "done"}, or {"error"}; begins the comparison if it is not known.

        validation: gives the validation split, (N,) token ids; called in the thread, for it may take a while.
        """
        with self._lock:
            work = self._works.get(key)
            if work is None:
                work = self._works[key] = _Work()
                arguments = (key, work, model, validation, context_length)
                threading.Thread(target=self._compare, args=arguments, daemon=True).start()
            work.asked = time.monotonic()
            self._works.move_to_end(key)
            while len(self._works) > KEPT:
                self._works.popitem(last=False)
        if work.error:
            return {"error": work.error}
        return {"words": words(work.cost, work.done), "done": work.done}

    def _compare(
        self,
        key: Key,
        work: _Work,
        model: nn.Module,
        validation: Callable[[], Tensor],
        context_length: int,
    ) -> None:
        try:
            with self._turn:
                changed = without_heads(model, key[2])
                for cost in cost_of(model, changed, validation(), context_length):
                    work.cost = cost
                    if time.monotonic() - work.asked > LISTENS:  # nobody listens: forget it
                        with self._lock:
                            self._works.pop(key, None)
                        return
            work.done = True
        except Problem as problem:
            work.error = str(problem)
        except Exception as error:  # the last line of defence: the page must not wait for ever
            work.error = f"This could not be worked out: {error!r}."


def words(cost: Cost | None, done: bool) -> str:
    """The cost in a sentence; before the first numbers, that they are to come."""
    if cost is None:
        return "Off: working the loss out …"
    if not done and cost.margin > EXACT:
        return f"Off: loss {cost.added:+.2f} (± {cost.margin:.2f} so far)"
    tokens = f"{cost.tokens:,} held-out characters"
    if abs(cost.added) < EXACT / 2:
        return f"Off: no difference to 0.01, on {tokens}."
    return f"Off: loss {cost.added:+.2f}, to {cost.loss:.2f}, on {tokens}."
