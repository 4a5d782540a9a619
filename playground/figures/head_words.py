"""An attention head in words: what it looks at, how often, and how far; each term with its explanation.

The numbers are those of `lm/inside/head_patterns.py`.
"""

from collections.abc import Sequence

import numpy as np

from lm.inside.head_patterns import Mask, Weights, favourite, rows_with_a_choice

Part = tuple[str, str | None]  # some words, and what they mean; None where they explain themselves

KINDS = {
    "previous": (
        "the token before",
        "The position just before each one. Such a head lets the model read pairs of tokens.",
    ),
    "next": (
        "the token after",
        "The position just after each one. A causal mask would forbid it.",
    ),
    "itself": ("itself", "Its own position: the head passes on what stands there already."),
    "first": (
        "the first position",
        "The beginning of the text. A head with nothing to look for parks its weight there: an attention sink.",
    ),
    "line start": (
        "the start of the line",
        "The first token after the last line break. In a play it tells a name from a speech.",
    ),
    "induction": (
        "what followed this token earlier",
        "The token that came after an earlier copy of this one: a guess that it comes again (induction).",
    ),
    "same": (
        "earlier copies of this token",
        "Earlier positions that hold the same token as this one.",
    ),
    "spaces": ("spaces", "The spaces, where words begin and end."),
    "line breaks": ("line breaks", "The ends of lines, written ↵ here."),
    "vowels": ("vowels", "The letters a, e, i, o and u, each a token of its own."),
    "capitals": ("capital letters", "Tokens of capital letters, which begin lines and names."),
    "punctuation": ("punctuation", "Commas, full stops and the like, which end a phrase."),
    "recent": ("the last few tokens", "The four positions before each one, taken together."),
}
NO_FAVOURITE = (
    "no clear favourite",
    "No kind of place that has a name here gets a third of its weight and clearly more than its share.",
)
DISTANCE = "How many positions back it looks, weighted by how much it looks."
ENTROPY = "How spread out a row is: 0 nats if it looks at one position, ln n if evenly at n."
INDUCTION = (
    "A random text is read twice. In the second reading, the score is how much each token looks at the one "
    "that followed it in the first: 1 is a head that copies, {even:.2f} one that looks evenly."
)


def head_words(
    weights: Weights,
    tokens: Sequence[str],
    mask: Mask,
    induction: tuple[float, float] | None = None,
) -> list[Part]:
    """What one head does on T tokens, as the parts of a sentence that begins with a verb.

    weights: (T, T), rows summing to 1. mask: (T, T), True where a row may look. induction: the head's score,
    and that of even attention. Distances are in tokens.
    """
    mask = np.asarray(mask, dtype=bool)
    rows = rows_with_a_choice(mask)
    if not len(rows):
        return [("has no choice: each position may look at one place only.", None)]
    matrix = np.where(mask, np.asarray(weights, dtype=float), 0)[rows]  # (R, T)
    distances = np.abs(rows[:, None] - np.arange(len(tokens)))
    distance = float((matrix * distances).sum(1).mean())
    logs = np.log(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    entropy = abs(float((matrix * logs).sum(1).mean()))
    parts: list[Part] = []
    if found := favourite(weights, tokens, mask):
        often = f" ({found.share:.0%}; first choice in {found.first} of {found.rows} rows); "
        parts += [("looks at ", None), KINDS[found.kind], (often, None)]
    else:
        parts += [("has ", None), NO_FAVOURITE, ("; ", None)]
    parts += [(f"mean distance {distance:.1f}", DISTANCE), (", ", None)]
    parts += [(f"entropy {entropy:.1f} nats", ENTROPY)]
    if induction is not None:
        score, even = induction
        parts += [(", ", None), (f"induction score {score:.2f}", INDUCTION.format(even=even))]
    return [*parts, (".", None)]
