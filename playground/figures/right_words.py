"""How many held-out lines a model rewrites exactly right, in one sentence, before that on its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def summary(scores: Sequence[Mapping[str, float]], loss: str) -> str:
    """The state of a run in a sentence or two.

    scores: of each evaluation, "exact", "edit_distance", and perhaps "exact_longer". loss: the sentence on the
    loss (`loss_words.py`).
    """
    if not scores:
        return loss
    last = scores[-1]
    parts = [f"{share(last['exact'])} of the held-out lines exactly right"]
    best = max((one["exact"] for one in scores), default=0.0)
    if best > last["exact"]:
        parts[0] += f", down from {share(best)}"
    if "edit_distance" in last:
        parts.append(f"edit distance {share(last['edit_distance'])} of the length")
    if "exact_longer" in last:
        parts.append(f"of lines longer than any trained on, {share(last['exact_longer'])}")
    return f"{'; '.join(parts)}. {loss}"


def share(part: float) -> str:
    """A share in per cent, with a decimal where it says something: 0 %, 0.03 %, 12.3 %, 100 %."""
    if 0 < part < 0.0005:
        return f"{100 * part:.1g} %"
    return f"{100 * part:.1f} %".replace(".0 %", " %")
