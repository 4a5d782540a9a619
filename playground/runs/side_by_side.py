"""Texts of several runs at once, token by token in turn, for the Runs tab.

A run that rewrites lines takes the prompt as a line, and its answer is there at once.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lm import tasks
from lm.errors import Problem
from lm.generation import GeneratedToken, SamplingConfig, generate
from lm.prompt import Begun
from lm.rewriting import Rewriter
from lm.runs.run import Run
from lm.tokenizers.streaming import Stream
from playground import prompts
from playground.looking.snapshots import Snapshots
from playground.looking.writing import UPDATES_PER_SECOND


@dataclass
class Pane:
    """One text: its run, by the token and opened, the prompt, and the problem if it cannot be written."""

    token: str
    prompt: str
    run: Run | None
    note: str = ""
    text: str = ""  # written so far, without half of a character at its end
    done: bool = False
    stream: Stream | None = None  # once the text is being written

    def told(self) -> dict[str, Any]:
        """The text so far, for the page."""
        return {
            "run": self.token,
            "prompt": self.prompt,
            "text": self.text,
            "note": self.note,
            "done": self.done,
        }


def write(
    snapshots: Snapshots, panes: Sequence[Pane], sampling: SamplingConfig
) -> Iterator[list[dict[str, Any]]]:
    """All texts so far, several times a second, until the last is done. Each run is at its last snapshot.

    They grow by one token each in turn, so that they can be read side by side as they are written.
    """
    growing = [(pane, tokens) for pane in panes if (tokens := _tokens(snapshots, pane, sampling))]
    yield [pane.told() for pane in panes]
    sent = time.monotonic()
    while growing:
        growing = [(pane, tokens) for pane, tokens in growing if _grow(pane, tokens)]
        if time.monotonic() - sent > 1 / UPDATES_PER_SECOND:
            yield [pane.told() for pane in panes]
            sent = time.monotonic()
    yield [pane.told() for pane in panes]


def _tokens(
    snapshots: Snapshots, pane: Pane, sampling: SamplingConfig
) -> Iterator[GeneratedToken] | None:
    """The tokens of a pane as they are drawn, or None if there can be none."""
    try:
        if pane.run is None:  # the note says why
            pane.done = True
            return None
        model, _ = snapshots.model(pane.run, None)
        tokenizer, context = pane.run.tokenizer(), pane.run.plan.context_length
        if tasks.KINDS[pane.run.plan.task.task].pairs:
            answers = Rewriter(model, tokenizer, context).rewrite([pane.prompt], sampling)
            pane.text, pane.done = f" → {answers[0].text}", True
            return None
        begin, pane.prompt, notes = prompts.begin(tokenizer, pane.prompt)
        pane.note = " ".join(notes)
        pane.stream = Stream(tokenizer, skip=len(begin.rest))
        begun = Begun(tokenizer, begin.rest)
        return generate(model, torch.from_numpy(begin.ids), context, sampling, begun)
    except Problem as problem:
        pane.note, pane.done = str(problem), True
        return None


def _grow(pane: Pane, tokens: Iterator[GeneratedToken]) -> bool:
    """Add one token to a text; False if it is done."""
    try:
        token = next(tokens, None)
    except Problem as problem:
        pane.note, token = str(problem), None
    if token is not None and pane.stream:
        pane.text += pane.stream.text(token.id)
    pane.done = token is None
    return token is not None
