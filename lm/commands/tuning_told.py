"""A run that starts from another, in words: before it trains, and afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any

from lm.costs import pace
from lm.costs.sizes import count_parameters, memory, outline, size_in_words, trained_parameters
from lm.plan import Plan
from lm.runs import starting
from lm.runs.preparation import PreparedText
from lm.start import StartConfig
from lm.wording import duration


def before(plan: Plan, prepared: PreparedText) -> list[str]:
    """Where the run starts, how much of it is trained, and which characters are new to it."""
    base = prepared.base
    if base is None or not isinstance(plan.start, StartConfig):
        return []
    size = prepared.tokenizer.vocab_size
    parameters = count_parameters(outline(plan, size))
    trained = trained_parameters(plan, size, base.run.record.vocab_size)
    lines = [
        f"Starts from {base.title}, step {base.step:,}; {plan.start.way}: {trained:,} of {parameters:,} "
        f"parameters are trained ({trained / parameters:.1%})."
    ]
    if prepared.added:
        lines.append(
            f"{len(prepared.added):,} characters that it does not know get new rows in the embedding and in "
            f"the output head: {starting.some_of(prepared.added)}."
        )
    if base.run.record.trained_elsewhere:
        lines.append("Its own text is not here, so nothing tells how much of it is forgotten.")
    return lines


def costs(plan: Plan, prepared: PreparedText, device: str) -> str:
    """Memory and time of a plan, from timing a few steps."""
    size, base = prepared.tokenizer.vocab_size, prepared.base
    known = base.run.record.vocab_size if base is not None else None
    seconds = pace.seconds_of(plan, prepared.data, device)
    return (
        f"{trained_parameters(plan, size, known):,} parameters are trained; it takes about "
        f"{size_in_words(memory(plan, size))} of memory and {duration(seconds)} on this machine."
    )


def after(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """What a run has learned and forgotten since it started from another, as a sentence; "" if it did not."""
    if not evaluations or evaluations[0]["step"] != 0:
        return ""
    first, last = evaluations[0], evaluations[-1]
    text = f"On the new text {first['loss']:.4f} at first and {last['loss']:.4f} now"
    if "old_loss" not in last or "old_loss" not in first:
        return f"{text}."
    return (
        f"{text}; on the text of the run that it started from {first['old_loss']:.4f} at first and "
        f"{last['old_loss']:.4f} now."
    )
