"""What the idea of each model bought, in numbers and in words, from losses that can be compared."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median_low

from lm.ladder import RUNGS, text_models
from lm.wording import decimals_of

COUNTED = ("ngram",)  # models that learn by counting
ALIKE = 1.5  # runs whose budgets differ by a larger factor are not compared
PHRASES = {  # what the idea of a model is, as the subject of a sentence
    "single_head_attention": "looking back",
    "multi_head_attention": "looking for several things",
    "single_block_transformer": "thinking about it and keeping the input",
    "decoder_transformer": "stacking blocks",
}


@dataclass(frozen=True)
class Result:
    """The last validation loss of a run, and what it used of the budget: seconds of training, or tokens."""

    loss: float
    used: float


def fairly(found: Mapping[str, Result], in_tokens: bool) -> tuple[list[str], str]:
    """The models that can be compared, and a sentence on the budgets of the race.

    Predicted seconds are not those that a run takes. What used far more or less than the others is left out.
    Counting reads the text once, whatever the budget.
    """
    networks = [name for name in text_models() if name in found and name not in COUNTED]
    if not networks:
        return list(found), ""
    usual = median_low(found[name].used for name in networks)
    fair = [n for n in networks if usual / ALIKE <= found[n].used <= usual * ALIKE]
    unit = "tokens" if in_tokens else "s"
    low, high = (_number(end([found[name].used for name in fair])) for end in (min, max))
    told = f"Each network trained {'on' if in_tokens else 'for'} {low}"
    told += f" {unit}." if low == high else f" to {high} {unit}."
    others = [
        f"{RUNGS[name].title.lower()} ({_number(found[name].used)} {unit})"
        for name in networks
        if name not in fair
    ]
    told += f" Not compared: {', '.join(others)}." if others else ""
    return [name for name in found if name in fair or name in COUNTED], told


def _number(used: float) -> str:
    return f"{used:,.0f}" if used >= 10 else f"{used:.1f}"


def gains(losses: Mapping[str, float]) -> dict[str, float]:
    """What the idea of each network bought: how far it is below the one before it on the ladder, in nats.

    From the losses as they are written, so that a reader finds the same difference.
    """
    decimals = decimals_of(losses.values())
    networks = [name for name in text_models() if name not in COUNTED]
    return {
        after: round(losses[before], decimals) - round(losses[after], decimals)
        for before, after in itertools.pairwise(networks)
        if before in losses and after in losses
    }


def bought(losses: Mapping[str, float]) -> str:
    """What each idea bought, from the losses of the models; "" if no two neighbours on the ladder are there.

    Counting stands beside the networks and is compared with the best of them.
    """
    decimals = decimals_of(losses.values())
    parts = []
    for name, gain in gains(losses).items():
        phrase = PHRASES.get(name, RUNGS[name].title.lower())
        parts.append(f"{phrase} {'bought' if gain >= 0 else 'cost'} {abs(gain):.{decimals}f}")
    if not parts:
        return ""
    sentence = ", ".join(parts)
    said = f"{sentence[0].upper()}{sentence[1:]} nats."
    if "ngram" in losses:
        best, counted = (
            round(loss, decimals)
            for loss in (
                min(loss for name, loss in losses.items() if name not in COUNTED),
                losses["ngram"],
            )
        )
        if best < counted:
            said += f" The best network is {counted - best:.{decimals}f} below counting."
        else:
            place = "level" if best == counted else "better"
            said += f" Counting, {counted:.{decimals}f}, is still {place}."
    return said


def counted_lines(baselines: Mapping[str, float]) -> dict[str, float]:
    """What counting achieves on the characters of a text, under plain names."""
    uniform = baselines.get("uniform")
    lines = {
        f"knows nothing: 1 in {math.exp(uniform or 0):,.0f}": uniform,
        "counted pairs": baselines.get("bigram"),
        "counted 5-grams": baselines.get("5-gram"),
    }
    return {name: loss for name, loss in lines.items() if loss is not None}
