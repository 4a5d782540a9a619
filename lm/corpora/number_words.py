"""Numbers in words, in two languages: "eighty-four" → "vierundachtzig".

German says the ones before the tens, so a model that translates has to look ahead and back: the lines of
cross-attention cross. The right answer is known for every number. The words are those of the package
`num2words`.
"""

import copy
import random
import re
from functools import cache, partial
from typing import Any

from lm.corpora.pairs import Pair, PairCorpus
from lm.errors import CorpusProblem

DEFAULT = "en-de"
BELOW = 1_000_000
SMALL = 2_000  # numbers below are all learned from, but those held out
DRAWN = 30_000  # further numbers to learn from
HELD_OUT, HELD_OUT_SMALL = 1_000, 50  # drawn from all numbers, and from those below 1,000
SEED = 1


@cache
def corpus(languages: str = DEFAULT) -> PairCorpus:
    """Pairs from one language to another, as "en-de". `CorpusProblem` if the package does not know one.

    Held out are numbers, evenly drawn from all below a million, and some below a thousand.
    """
    first, second = _codes(languages)
    draw = random.Random(SEED)
    held_out = draw.sample(range(1000), HELD_OUT_SMALL)
    held_out += [n for n in draw.sample(range(BELOW), HELD_OUT) if n not in held_out]
    never = set(held_out)
    numbers = [n for n in range(SMALL) if n not in never]
    numbers += [n for n in draw.sample(range(SMALL, BELOW), DRAWN) if n not in never]
    words = [_speaker(code) for code in (first, second)]
    train, validation = (_pairs(some, words) for some in (numbers, held_out))
    seen = {source for source, _ in train}  # in some languages, two numbers have the same words
    return PairCorpus(
        name="number_words" if languages == DEFAULT else f"number_words:{languages}",
        title=f"Number words, {first} to {second}",
        description=(
            f"{len(train):,} numbers below a million in words, and {len(validation):,} others held out, each "
            f"in two languages ({first}, {second}). Made by the package num2words; every answer is known."
        ),
        train=train,
        validation=tuple(pair for pair in validation if pair[0] not in seen),
        solve=partial(solve, first, second),
    )


def languages() -> tuple[str, ...]:
    """The codes of the languages that the package knows, sorted."""
    from num2words import CONVERTER_CLASSES  # here, because it takes a tenth of a second

    return tuple(sorted(CONVERTER_CLASSES))


def in_words(number: int, language: str) -> str:
    """A number below a million in words; `CorpusProblem` if the package does not know the language."""
    return _speaker(language).to_cardinal(number)


def solve(first: str, second: str, line: str) -> str | None:
    """The right answer to a line of English words, below a million; None for another line or language."""
    number = number_of(line) if first == "en" else None
    return None if number is None else in_words(number, second)


def number_of(words: str) -> int | None:
    """The number that English words say, below a million; None if the package would say it otherwise."""
    values = {in_words(n, "en"): n for n in (*range(20), *range(20, 100, 10))}
    thousands, rest = 0, 0
    for word in re.split(r"[ ,-]+", words):
        if word == "thousand":
            thousands, rest = rest, 0
        elif word == "hundred":
            rest *= 100
        elif word != "and":
            rest += values.get(word, BELOW)
    number = 1000 * thousands + rest
    return number if number < BELOW and in_words(number, "en") == words else None


def _pairs(numbers: list[int], words: list[Any]) -> tuple[Pair, ...]:
    try:
        return tuple((words[0].to_cardinal(n), words[1].to_cardinal(n)) for n in numbers)
    except (TypeError, ValueError, LookupError, NotImplementedError, OverflowError):
        raise CorpusProblem(
            "num2words cannot say all numbers below a million in one of these languages: choose another."
        ) from None


def _codes(named: str) -> tuple[str, str]:
    """The two languages of a name such as "en-de"."""
    known = languages()
    codes = tuple(named.split("-"))
    unknown = [code for code in codes if code not in known]
    if len(codes) != 2 or unknown or codes[0] == codes[1]:
        wrong = f"{unknown[0]!r} is none" if unknown and len(codes) == 2 else f"not {named!r}"
        raise CorpusProblem(
            f"number_words needs two different languages, such as number_words:en-fr; {wrong} of "
            f"{', '.join(known)}."
        )
    return codes[0], codes[1]


@cache
def _speaker(language: str) -> Any:
    """The package's converter for a language.

    It looks through all its words for large numbers, up to 10^600, for each part of a number. A copy that knows
    only those up to a million says the same thirty times as fast; a test compares them.
    """
    from num2words import CONVERTER_CLASSES

    if language not in CONVERTER_CLASSES:
        raise CorpusProblem(
            f"num2words does not know the language {language!r}: choose one of {', '.join(languages())}."
        )
    speaker = copy.copy(CONVERTER_CLASSES[language])
    cards = vars(speaker).get("cards")
    if cards is not None:
        speaker.cards = type(cards)((n, word) for n, word in cards.items() if n <= BELOW)
    return speaker
