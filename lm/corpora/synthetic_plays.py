"""Synthetic plays: a corpus generated from a small grammar, with its entropy known exactly.

It needs no network, and the lowest possible loss is known, as it never is for a real text: no model, however
large, can go below the grammar's entropy in nats per character on average. The difference between a model's
loss and this floor is structure that it has not learned:

- spelling and the frequency of words (weights fall like 1/rank, as in Zipf's law);
- agreement: "the larks of Padua sing", "thou keepest", "Edmund ... he", "my lord", "madam", also past a
  nearer noun of the other number, "the larks that fear the lion sing";
- couplets that rhyme, and end with the mark of their first sentence: . or ? or !
- each speaker addresses the previous one by name, and may gossip about the third character;
- the last line of a scene repeats its place, and the last line of a play its hero's name.

Each text has one derivation (`grammar.py` says why, and a test checks every rule), so -ln p of a text is a
sum over its choices, and `entropy_rate` is a recursion over the rules, not an estimate from samples.
"""

import math
import random
from functools import cache

from lm.corpora.grammar import Derivation, Grammar, NotInLanguage
from lm.corpora.play_grammar import expand

SEED = 1623
PLAYS = 190  # about a megabyte


@cache
def grammar() -> Grammar:
    """The grammar of one play, with the rules it has expanded so far."""
    return Grammar(expand, ("play",))


def generate(seed: int = SEED, plays: int = PLAYS) -> list[tuple[str, Derivation]]:
    """Independent plays, each with its derivation; the same on every machine."""
    source = random.Random(seed)
    return [grammar().generate(source) for _ in range(plays)]


@cache
def text() -> str:
    """The corpus: `PLAYS` plays, one after the other, about a million characters."""
    return "".join(play for play, _ in generate())


def parse(text: str) -> list[Derivation]:
    """The derivation of each play in a text of whole plays.

    Raises:
        NotInLanguage: the text holds something else; the message gives its position.
    """
    derivations, position = [], 0
    while position < len(text):
        derivation, position = grammar().parse(text, position)
        derivations.append(derivation)
    return derivations


def log_probability(text: str) -> float:
    """ln p of the plays in `text`, given their number, in nats; -inf if the grammar cannot generate them."""
    try:
        return sum(grammar().log_probability(derivation) for derivation in parse(text))
    except NotInLanguage:
        return -math.inf


@cache
def entropy_rate() -> float:
    """Nats per character of an endless sequence of plays: the entropy of a play over its expected length.

    This is the floor of the loss on average. On a given text the loss of the perfect model may be a little
    lower or higher, as a hundred throws of a coin seldom show exactly fifty heads.
    """
    entropy, length = grammar().measure()
    return entropy / length
