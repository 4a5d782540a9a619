"""What switched-off heads cost, worked out beside the page: ask again until it is known.

A comparison over enough of the validation split takes seconds (`lm/ablation.py`). One runs at a time, in a
thread of its own, and it ends when nobody has asked for it for a while.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from lm.ablating_pairs import PairCost, cost_of_pairs, judging
from lm.ablation import EXACT, Cost, cost_of
from lm.corpora import AnyCorpus, PairCorpus
from lm.errors import Problem, SettingsProblem
from lm.inspecting_pairs import EncoderDecoder
from lm.runs.run import Run

KEPT = 64  # results
LISTENS = 5.0  # seconds since the last question after which nobody waits any more

Key = tuple[str | None, int, frozenset[Any]]  # a run's identity, a step, the heads that are off
AnyCost = Cost | PairCost


@dataclass(eq=False)
class _Work:
    """A comparison under way, or done."""

    asked: float = field(default_factory=time.monotonic)
    cost: AnyCost | None = None
    done: bool = False
    error: str | None = None


class HeadCosts:
    """The costs by run, step and heads; the last ones are kept."""

    def __init__(self) -> None:
        self._works: OrderedDict[Key, _Work] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def of(self, key: Key, compare: Callable[[], Iterator[AnyCost]]) -> dict[str, Any]:
        """{"words", "done"}, or {"error"}; begins the comparison if it is not known.

        compare: called in the thread, for it may take a while; yields the cost so far.
        """
        with self._lock:
            work = self._works.get(key)
            if work is None:
                work = self._works[key] = _Work()
                arguments = (key, work, compare)
                threading.Thread(target=self._compare, args=arguments, daemon=True).start()
            work.asked = time.monotonic()
            self._works.move_to_end(key)
            while len(self._works) > KEPT:
                self._works.popitem(last=False)
        if work.error:
            return {"error": work.error}
        return {"words": words(work.cost, work.done), "done": work.done}

    def _compare(self, key: Key, work: _Work, compare: Callable[[], Iterator[AnyCost]]) -> None:
        try:
            with self._turn:
                for cost in compare():
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


def comparison(
    run: Run, model: nn.Module, changed: nn.Module, corpus: Callable[[], AnyCorpus]
) -> Callable[[], Iterator[AnyCost]]:
    """The comparison of a run's model with a changed one, on what was held out of its corpus."""
    tokenizer, context = run.tokenizer(), run.plan.context_length

    def of_pairs() -> Iterator[AnyCost]:
        pairs = corpus()
        if not isinstance(pairs, PairCorpus):
            raise SettingsProblem("The pairs that this run learned from are not here any more.")
        yield from cost_of_pairs(judging(pairs, tokenizer, context), model, changed)

    def of_text() -> Iterator[AnyCost]:
        text = corpus().validation_text
        tokens = torch.from_numpy(tokenizer.encode(text))  # (N,)
        each = len(text) / max(1, len(tokens))
        yield from cost_of(model, changed, tokens, context, characters_per_token=each)

    return of_pairs if isinstance(model, EncoderDecoder) else of_text


def words(cost: AnyCost | None, done: bool) -> str:
    """The cost in a sentence; before the first numbers, that they are to come."""
    if cost is None:
        return "Off: working the loss out …"
    if isinstance(cost, PairCost):
        far = "" if done else " so far"
        return (
            f"Off: {cost.exact:.1%} of {cost.lines:,} held-out lines right{far}, {cost.before:.1%} with it; "
            f"loss {cost.added:+.2f}, to {cost.loss:.2f}."
        )
    if not done and cost.margin > EXACT:
        return f"Off: loss {cost.added:+.2f} (± {cost.margin:.2f} so far)"
    read = f"{cost.characters:,} held-out characters"
    if abs(cost.added) < EXACT / 2:
        return f"Off: no difference to 0.01, on {read}."
    return f"Off: loss {cost.added:+.2f}, to {cost.loss:.2f}, on {read}."
