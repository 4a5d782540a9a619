"""How many held-out lines a model rewrites exactly right, in one sentence, before that on its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

KNOWN = {  # of the shares that need no learning
    "copy": "copying the line",
    "commonest": "the commonest answer",
    "letters": "a table from letters to sounds",
}


def summary(scores: Sequence[Mapping[str, float]], known: Mapping[str, float], loss: str) -> str:
    """The state of a run in a sentence or two.

    scores: of each evaluation, "exact", "edit_distance", and perhaps "exact_longer". known: shares right
    without learning, by name. loss: the sentence on the loss (`loss_words.py`).
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
    beside = [f"{KNOWN.get(name, name)} {share(part)}" for name, part in known.items()]
    if beside:
        parts.append(f"without learning: {', '.join(beside)}")
    return f"{'; '.join(parts)}. {loss}"


def share(part: float) -> str:
    """A share in per cent with as many decimals as it needs: 0 %, 0.1 %, 12.3 %, 100 %."""
    return f"{100 * part:.1f} %".replace(".0 %", " %")
