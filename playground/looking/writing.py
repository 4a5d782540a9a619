"""Text that a model writes on demand, token by token, for the `writing` component."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from lm.generation import SamplingConfig, generate
from lm.interchange.chat import Chat
from lm.prompt import Begun, Prompt
from lm.runs.run import Run
from lm.tokenizers import Tokenizer
from lm.tokenizers.streaming import Stream
from playground import prompts
from playground.looking.snapshots import Snapshots

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
    snapshots: Snapshots,
    run: Run,
    step: int | None,
    prompt: str,
    sampling: SamplingConfig,
    chat: Chat | None = None,
) -> Iterator[dict[str, Any]]:
    """The text that the model at the snapshot nearest to `step` (None: the last) writes after `prompt`.

    Each answer holds all tokens so far, as `components.writing` takes them; its "step" is the snapshot's. An
    empty prompt is read as a line break. The first tokens may spell the end of the prompt (`lm/prompt.py`),
    which is told once. With a `chat`, the prompt is a person's message in its template, and the text ends where
    the model ends its answer.
    """
    model, step = snapshots.model(run, step)
    tokenizer, context = run.tokenizer(), run.plan.context_length
    end = None if chat is None else chat.end_id(tokenizer)
    if chat is None:
        begin, known, notes = prompts.begin(tokenizer, prompt)
    else:
        asked = chat.render([{"role": "user", "content": prompt}])
        begin, known, notes = Prompt(tokenizer.encode(asked), b""), f"{prompt}\n", list[str]()
    if len(begin.ids) > context:
        notes.append(
            f"The prompt is longer than the context: the model reads its last {context} tokens."
        )
    tokens: list[list[Any]] = []
    answer = {
        "prompt": known,
        "tokens": tokens,
        "done": False,
        "note": " ".join(notes) or None,
        "step": step,
    }
    yield answer
    sent = time.monotonic()
    begun, stream = Begun(tokenizer, begin.rest), Stream(tokenizer, skip=len(begin.rest))
    for token in generate(model, torch.from_numpy(begin.ids), context, sampling, begun):
        if token.id == end:
            break
        tokens.append(written(token.id, token.distribution, tokenizer, stream.text(token.id)))
        if time.monotonic() - sent > 1 / UPDATES_PER_SECOND:
            yield answer
            sent = time.monotonic()
    yield answer | {"done": True}


def written(id: int, distribution: np.ndarray, tokenizer: Tokenizer, text: str) -> list[Any]:
    """[text, probability, [[name, probability] of the likeliest]] of one token; distribution: (V,).

    text: the characters that it completes, "" if it ends in the middle of one. The token's name comes last if
    it is another.
    """
    name = tokenizer.token_text(id)
    likeliest = np.argsort(distribution)[::-1][:ALTERNATIVES]
    return [
        text,
        round(float(distribution[id]), 4),
        [
            [tokenizer.token_text(int(other)), round(float(distribution[other]), 4)]
            for other in likeliest
            if distribution[other] > 0
        ],
        *([name] if name != text else []),
    ]
