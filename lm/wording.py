"""Numbers as a person would say them."""

import math
from collections.abc import Iterable

LEAST_DECIMALS, MOST_DECIMALS = 2, 4


def decimals_of(losses: Iterable[float]) -> int:
    """Decimals, two to four, with which losses that differ, also from 0, differ as they are written.

    As `decimalsOf` in playground/components/basics/wording.js.
    """
    known = [0.0, *(loss for loss in losses if math.isfinite(loss))]

    def different(decimals: int) -> int:
        return len({f"{loss:.{decimals}f}" for loss in known})

    enough = (
        n for n in range(LEAST_DECIMALS, MOST_DECIMALS) if different(n) == different(MOST_DECIMALS)
    )
    return next(enough, MOST_DECIMALS)


def inside_sentence(title: str) -> str:
    """A title inside a sentence; names such as AdamW keep their capitals."""
    return title if any(c.isupper() for c in title.split()[0][1:]) else title[0].lower() + title[1:]


def duration(seconds: float) -> str:
    """A time in the largest units that matter: "35 s", "1 min 35 s", "25 h 1 min"."""
    if seconds < 1:
        return "a second"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def tokens_told(tokens: int, characters_per_token: float) -> str:
    """A number of tokens, and of their characters if it is another: "64 tokens, about 150 characters"."""
    if characters_per_token == 1:
        return f"{tokens:,} tokens"
    characters = tokens * characters_per_token
    digits = max(0, math.floor(math.log10(characters)) - 1)  # two of them count
    return f"{tokens:,} tokens, about {round(characters / 10**digits) * 10**digits:,} characters"
