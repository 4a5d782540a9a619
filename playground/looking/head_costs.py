"""What switched-off heads cost, worked out beside the page (`beside.py`): a comparison takes seconds."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from lm.corpora import AnyCorpus, PairCorpus
from lm.errors import SettingsProblem
from lm.inside.ablating_pairs import PairCost, cost_of_pairs, judging
from lm.inside.ablation import EXACT, Cost, cost_of
from lm.inside.inspecting_pairs import EncoderDecoder
from lm.runs.run import Run
from playground.looking.beside import Work

AnyCost = Cost | PairCost


def told(work: Work[AnyCost]) -> dict[str, Any]:
    """{"words", "done"} of a comparison, or {"error"}."""
    if work.error:
        return {"error": work.error}
    return {"words": words(work.found, work.done), "done": work.done}


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
