"""The loss by position in the context, for the card with the inside of a model: is the far past of use?

The losses are of the held-out part of the run's own text, and take seconds (`beside.py`): the card shows them
as far as they are.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from lm.corpora import AnyCorpus
from lm.errors import Problem, SettingsProblem
from lm.inside.by_position import (
    ByPosition,
    by_position,
    doubling,
    longest_window,
    name_of,
    verdict,
)
from lm.runs.run import Run
from lm.tasks import KINDS
from playground.looking.beside import Work

VIEW = "past"
SECONDS = 20.0  # after which no more windows are read


def answer(run: Run, work: Work[ByPosition]) -> dict[str, Any]:
    """What the page draws: "groups" of positions, [name, nats per character] each, "words", and "done"."""
    if work.error:
        raise SettingsProblem(work.error)
    found, each = work.found, run.record.characters_per_token
    if found is None:
        return {"done": False, "groups": [], "words": "", "characters": 0, "note": None}
    context, read = run.plan.context_length, len(found.losses)
    return {
        "done": work.done,
        "groups": [[name_of(one), round(one.loss / each, 4)] for one in doubling(found.losses)],
        "words": verdict(found, each),
        "characters": round(found.tokens * each),
        "note": None
        if read == context
        else f"Only the first {read:,} of {context:,} positions are read.",
    }


def losses(
    run: Run, model: nn.Module, corpus: Callable[[], AnyCorpus]
) -> Callable[[], Iterator[ByPosition]]:
    """The work: windows of the held-out text, until all are read or the time is over.

    `SettingsProblem` for a run that has no such text. corpus: called in the thread of the work.
    """
    if KINDS[run.plan.task.task].pairs:
        raise SettingsProblem(
            "Lines have no far past: this view is for a model that goes on with a text."
        )
    if run.record.trained_elsewhere:
        raise SettingsProblem(
            "The texts that this model learned from are not here: teach it one of yours, and the loss by "
            "position is told on the part of that which is held out."
        )

    def work() -> Iterator[ByPosition]:
        try:
            text = corpus().validation_text
        except Problem:
            raise SettingsProblem(
                "The text that this run learned from is not here any more."
            ) from None
        tokenizer, began = run.tokenizer(), time.monotonic()
        tokens = torch.from_numpy(tokenizer.encode(text))  # (N,)
        window = longest_window(run.plan.context_length, tokenizer.vocab_size)
        for found in by_position(model, tokens, window, tokenizer.vocab_size):
            yield found
            if time.monotonic() - began > SECONDS:
                return

    return work
