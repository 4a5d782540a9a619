"""Held-out lines answered without learning: the baselines of the share that is exactly right.

Three answers cost nothing but counting: the line itself, the commonest answer of all, and, for the sounds of a
word, a table from letters to sounds.
"""

from collections import Counter
from collections.abc import Callable

from lm.corpora.pairs import PairCorpus
from lm.tasks.judging import Judged, judged

EDGE = "#"  # before the first letter and after the last

Table = dict[str, Counter[str]]


def known_scores(corpus: PairCorpus) -> dict[str, Judged]:
    """Both scores of "copy", "commonest" and, of sounds, "letters", over the held-out lines."""
    sources = list(dict.fromkeys(source for source, _ in corpus.validation))
    right = [corpus.answers[source] for source in sources]
    return {
        name: judged([answer(source) for source in sources], right, corpus.unit)
        for name, answer in _answering(corpus).items()
    }


def shares_right(corpus: PairCorpus) -> dict[str, float]:
    """The share of held-out lines that each of these answers has exactly right."""
    sources = list(dict.fromkeys(source for source, _ in corpus.validation))
    return {
        name: sum(answer(source) in corpus.answers[source] for source in sources) / len(sources)
        for name, answer in _answering(corpus).items()
    }


def _answering(corpus: PairCorpus) -> dict[str, Callable[[str], str]]:
    """What answers a line without learning, by name."""
    commonest = Counter(target for _, target in corpus.train).most_common(1)[0][0]
    found: dict[str, Callable[[str], str]] = {
        "copy": lambda line: line,
        "commonest": lambda line: commonest,
    }
    if corpus.unit == "word":
        found["letters"] = letter_table(corpus)
    return found


def letter_table(corpus: PairCorpus) -> Callable[[str], str]:
    """A letter's commonest sound, counted where a word has as many sounds as letters.

    It is counted for a letter between its two neighbours, and for the letter alone where that was never seen.
    Such words say one sound for each letter, so nothing has to be aligned. The table cannot leave a letter out.
    """
    alone, between = Table(), Table()
    for source, target in corpus.train:
        sounds = target.split()
        if len(sounds) == len(source):
            for place, sound in enumerate(sounds):
                alone.setdefault(source[place], Counter())[sound] += 1
                between.setdefault(_around(source, place), Counter())[sound] += 1
    likeliest = {
        letters: counts.most_common(1)[0][0] for letters, counts in (alone | between).items()
    }

    def answer(line: str) -> str:
        said = (
            likeliest.get(_around(line, place)) or likeliest.get(line[place], "")
            for place in range(len(line))
        )
        return " ".join(sound for sound in said if sound)

    return answer


def _around(line: str, place: int) -> str:
    """A letter with its neighbours, three characters."""
    return f"{EDGE}{line}{EDGE}"[place : place + 3]
