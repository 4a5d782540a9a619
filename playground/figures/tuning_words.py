"""What a run that began as another one has learned, and what it has forgotten, in two sentences.

Both losses are told from step 0 on: the run that was started from, judged before any change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lm.runs.format import BaseRecord, imported_title
from lm.wording import decimals_of

NOTHING = 0.02  # nats per character: a change of less is none


def title_of(base: BaseRecord) -> str:
    """The name of what a run started from."""
    if base.corpus is None:
        return imported_title(base.note)
    return f"a run on {base.corpus.title}"


def told(base: BaseRecord, judged: Sequence[Mapping[str, Any]]) -> str:
    """The sentences, "" before anything is judged; judged: the evaluations, with "loss" and "old_loss"."""
    if not judged or judged[0]["step"] != 0:
        return ""
    first, last = judged[0], judged[-1]
    return f"{_learned(title_of(base), first, last)} {_forgotten(base, first, last)}"


def _learned(title: str, first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    decimals = decimals_of([first["loss"], last["loss"]])
    before, now = (f"{one['loss']:.{decimals}f}" for one in (first, last))
    if last["step"] == 0:
        return f"It begins as {title}, which has {before} on this text."
    gained = first["loss"] - last["loss"]
    if gained > 0:
        return f"It began as {title} with {before} on this text and has {now}: {gained:.{decimals}f} nats less."
    return f"It began as {title} with {before} on this text and has {now}: it has gained nothing."


def _forgotten(base: BaseRecord, first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    before, now = first.get("old_loss"), last.get("old_loss")
    if before is None or now is None or base.corpus is None:
        return "The texts that it learned before are not here: nothing tells how much of them it forgets."
    decimals = decimals_of([before, now])
    on = f"On the old text, {base.corpus.title}, it had {before:.{decimals}f}"
    if last["step"] == 0:
        return f"{on}."
    lost = now - before
    if abs(lost) < NOTHING:
        return f"{on} and has {now:.{decimals}f}: it has forgotten nothing."
    if lost < 0:
        return f"{on} and has {now:.{decimals}f}: it has become better there, too."
    return f"{on} and has {now:.{decimals}f}: it has forgotten {lost:.{decimals}f} nats of it."
