"""The merge player: a sentence on its way from bytes to tokens, step by step, as plain data."""

from collections.abc import Sequence
from typing import Any

from lm.errors import SettingsProblem
from lm.tokenizers import BPETokenizer, UnigramTokenizer
from lm.tokenizers.views import Lattice, MergeStep, encode_steps, lattices, learn_steps
from playground.cutting import words

MOST = 120  # characters of a sentence
MOST_STEPS = 100  # merges that are played
MOST_PAIRS = 8  # pairs that are listed, the most frequent or the first learned
MODES = ("learn", "encode", "unigram")
Answer = dict[str, Any]


def sentence(text: str, length: int = 0) -> tuple[str, str]:
    """A visitor's text as a sentence to play, and a note if it is its beginning. `SettingsProblem` if empty.

    length: of the whole text, if the page sends only its beginning.
    """
    if not text:
        raise SettingsProblem("There is nothing to cut yet: type a sentence.")
    length = max(len(text), length)
    if length <= MOST:
        return text, ""
    return text[:MOST], f"The player takes the first {MOST} of {length:,} characters."


def learn(text: str) -> Answer:
    """Merges learned from the sentence itself."""
    steps = list(learn_steps(text, MOST_STEPS))
    said = [words.learning(step, after) for step, after in _with_next(steps)]
    return {"steps": [_told(step, said[n]) for n, step in enumerate(steps)]}


def encode(tokenizer: BPETokenizer, text: str) -> Answer:
    """The merges of a tokenizer, done in the sentence."""
    steps = list(encode_steps(tokenizer, text))
    count = len(tokenizer.merges)
    said = [words.encoding(step, after, count) for step, after in _with_next(steps)]
    ends = tokenizer.encode(text).tolist()
    return {"steps": [_told(step, said[n]) for n, step in enumerate(steps)], "ids": ends}


def best_paths(tokenizer: UnigramTokenizer, text: str) -> Answer:
    """For each word of the sentence, all pieces that fit, and the likeliest path."""
    return {"words": [_lattice(one) for one in lattices(tokenizer, text)]}


def _with_next(steps: Sequence[MergeStep]) -> list[tuple[MergeStep, MergeStep | None]]:
    return list(zip(steps, [*steps[1:], None], strict=True))


def _told(step: MergeStep, said: str) -> Answer:
    """A step: its pieces by word, its pairs [a, b, count, rank], the pair that is joined, and the sentence."""
    pairs: list[list[Any]] = [
        [*pair, rank] for pair, rank in zip(step.pairs, step.ranks, strict=True)
    ]
    if step.rank is not None and any(rank is not None for rank in step.ranks):
        pairs.sort(key=lambda pair: (pair[3] is None, pair[3]))
    return {
        "pieces": [list(row) for row in step.pieces],
        "pairs": pairs[:MOST_PAIRS],
        "different": len(pairs),
        "joined": list(step.joined) if step.joined else None,
        "made": step.made,
        "rank": step.rank,
        "words": said,
    }


def _lattice(one: Lattice) -> Answer:
    return {
        "word": one.word,
        "bytes": len(one.word.encode("utf-8")),
        "pieces": [
            [c.text, c.start, c.end, round(c.score, 3), c.best, c.id] for c in one.candidates
        ],
        "score": one.score,
        "words": words.best_path(one),
    }
