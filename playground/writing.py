"""Text that a model writes on demand, token by token, for the `writing` component."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from lm.generation import SamplingConfig, generate
from lm.runs.run import Run
from lm.tasks.continue_text import first_token
from lm.tokenizers import Tokenizer
from playground import prompts
from playground.snapshots import Snapshots

ALTERNATIVES = 5  # likeliest tokens that are told with each written one
UPDATES_PER_SECOND = 12  # how often a growing text is sent
PANES = 1000  # of which the newest request is known


class Requests:
    """The newest request of each pane of a page that shows written text."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, pane: str, number: int) -> Callable[[], bool]:
        """Take in a request; returns a function that says whether it is still the newest of its pane.

        A pane numbers its requests upwards.
        """
        pane = pane[:40]  # keys are random, and the page's are shorter
        with self._lock:
            self._newest[pane] = max(number, self._newest.get(pane, number))
            self._newest.move_to_end(pane)
            while len(self._newest) > PANES:
                self._newest.popitem(last=False)
        return lambda: self._newest.get(pane, number) <= number


def write(
    snapshots: Snapshots, run: Run, step: int | None, prompt: str, sampling: SamplingConfig
) -> Iterator[dict[str, Any]]:
    """The text that the model at the snapshot nearest to `step` (None: the last) writes after `prompt`.

    Each answer holds all tokens so far, as `components.writing` takes them; its "step" is the snapshot's. An
    empty prompt is read as a line break.
    """
    model, step = snapshots.model(run, step)
    tokenizer, context = run.tokenizer(), run.plan.context_length
    ids, notes = prompts.encode(tokenizer, prompt)
    if len(ids) == 0:
        ids = first_token(tokenizer)
    if len(ids) > context:
        notes.append(
            f"The prompt is longer than the context: the model reads its last {context} tokens."
        )
    tokens: list[list[Any]] = []
    answer = {
        "prompt": tokenizer.decode(ids) if prompt else "",
        "tokens": tokens,
        "done": False,
        "note": " ".join(notes) or None,
        "step": step,
    }
    yield answer
    sent = time.monotonic()
    for token in generate(model, torch.from_numpy(ids), context, sampling):
        tokens.append(written(token.id, token.distribution, tokenizer))
        if time.monotonic() - sent > 1 / UPDATES_PER_SECOND:
            yield answer
            sent = time.monotonic()
    yield answer | {"done": True}


def written(id: int, distribution: np.ndarray, tokenizer: Tokenizer) -> list[Any]:
    """[text, probability, [[text, probability] of the likeliest]] of one token; distribution: (V,)."""
    likeliest = np.argsort(distribution)[::-1][:ALTERNATIVES]
    return [
        tokenizer.token_text(id),
        round(float(distribution[id]), 4),
        [
            [tokenizer.token_text(int(other)), round(float(distribution[other]), 4)]
            for other in likeliest
            if distribution[other] > 0
        ],
    ]
