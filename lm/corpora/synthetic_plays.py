"""Plays that nobody wrote: a corpus generated from a small grammar, with its entropy known exactly.

It needs no network, and it answers a question that no real text can: how good could a model possibly
be? The grammar's entropy in nats per character is a floor that no model can beat on average, however
large. What stands between a model and that floor is structure it has not learned:

- spelling, and which words are common (weights fall like 1/rank, as in Zipf's law);
- agreement: "the larks of Padua sing", "thou keepest", "Edmund ... he", "my lord", "madam", and across
  a nearer noun of the other number, "the larks that fear the lion sing";
- couplets that rhyme, and end with the mark that their first words ask for: . or ? or !
- whoever speaks addresses, by name, the one who spoke before, and may gossip about the third;
- a scene that opens in a garden closes in that garden, and a play ends with the name it began with.

Each text has one derivation (`grammar` says why, and a test proves it of every rule), so -ln p of a text
is a sum over its choices, and `entropy_rate` is a recursion over the rules: nothing is sampled.
"""

import math
import random
from functools import cache

from lm.corpora.grammar import Derivation, Grammar, NotInLanguage
from lm.corpora.play_grammar import unfold

SEED = 1623
PLAYS = 190
"""So many plays make about a megabyte."""


@cache
def grammar() -> Grammar:
    """The grammar of one play. It remembers the rules that it has met."""
    return Grammar(unfold, ("play",))


def generate(seed: int = SEED, plays: int = PLAYS) -> list[tuple[str, Derivation]]:
    """Independent plays, each with the choices that made it; the same on every machine."""
    source = random.Random(seed)
    return [grammar().generate(source) for _ in range(plays)]


@cache
def text() -> str:
    """The corpus: `PLAYS` plays, one behind the other, about a million characters."""
    return "".join(play for play, _ in generate())


def parse(text: str) -> list[Derivation]:
    """The one derivation of each play in a text that holds whole plays.

    Raises:
        NotInLanguage: the text is not such plays; the message says where it stops being one.
    """
    derivations, place = [], 0
    while place < len(text):
        derivation, place = grammar().parse(text, place)
        derivations.append(derivation)
    return derivations


def log_probability(text: str) -> float:
    """ln p of the plays in `text`, given how many there are, in nats; -inf if they cannot be plays."""
    try:
        return sum(grammar().log_probability(derivation) for derivation in parse(text))
    except NotInLanguage:
        return -math.inf


@cache
def entropy_rate() -> float:
    """Nats per character of an endless row of plays: a play's entropy over its expected length.

    The floor of the loss on average. A given stretch of text may lie a little to either side of it, as
    a hundred throws of a coin seldom show exactly fifty heads.
    """
    entropy, length = grammar().measure()
    return entropy / length
