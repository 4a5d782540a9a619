"""How a text is cut, and why there, as plain data: for drawings, not for models.

`cut` tells the tokens of a text and their places. For BPE, `learn_steps` learns merges from a sentence of one's
own, step by step, and `encode_steps` does the merges of a trained tokenizer in it. For Unigram, `lattices` has
all pieces that a word could be cut into, and the best cut. `usage` counts the tokens of a whole text.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lm.tokenizers import BPETokenizer, Tokenizer, UnigramTokenizer
from lm.tokenizers.bpe import ID_OF_BYTE, Words
from lm.tokenizers.byte_level import label, pieces


@dataclass(frozen=True)
class Token:
    """A token of a text: its id, its text, and the characters [start, end) that it stands for or is part of.

    whole: False for a token that begins or ends in the middle of a character. count: how often it stands there.
    """

    id: int
    text: str
    start: int
    end: int
    whole: bool
    count: int


@dataclass(frozen=True)
class Cut:
    """A text cut into tokens."""

    tokens: tuple[Token, ...]
    characters: int

    @property
    def characters_per_token(self) -> float:
        """On average; 0 for an empty text."""
        return self.characters / len(self.tokens) if self.tokens else 0.0


def cut(tokenizer: Tokenizer, text: str) -> Cut:
    """The tokens of a text. Raises UnknownCharacter."""
    ids = tokenizer.encode(text).tolist()
    counts = Counter(ids)
    # The character of each byte.
    character = [i for i, c in enumerate(text) for _ in c.encode("utf-8", "surrogatepass")]
    character.append(len(text))
    tokens, at = [], 0
    for id in ids:
        end = at + len(tokenizer.token_bytes(id))
        first, last = character[at], character[end - 1]
        begins = at == 0 or character[at - 1] != first
        ends = character[end] != last
        shown = tokenizer.token_text(id)
        tokens.append(Token(id, shown, first, last + 1, begins and ends, counts[id]))
        at = end
    return Cut(tuple(tokens), len(text))


@dataclass(frozen=True)
class Usage:
    """How a whole text uses the tokens of a vocabulary.

    counts: (V,), how often each stands there. nats_per_token: the loss of a guess by these counts alone.
    """

    counts: np.ndarray
    nats_per_token: float
    characters_per_token: float

    @property
    def nats_per_character(self) -> float:
        """The same loss, so that it can be compared with that of other tokens."""
        return self.nats_per_token / self.characters_per_token

    @property
    def unused(self) -> int:
        """Tokens that the text does not hold."""
        return int((self.counts == 0).sum())


def usage(ids: np.ndarray, vocab_size: int, characters: int) -> Usage:
    """Count the tokens of a text. ids: (T,), T > 0; characters: those of the text."""
    counts = np.bincount(ids, minlength=vocab_size)  # (V,)
    shares = counts[counts > 0] / len(ids)
    return Usage(counts, float(-(shares * np.log(shares)).sum()), characters / len(ids))


@dataclass(frozen=True)
class MergeStep:
    """A text on its way from bytes to tokens, and the merge that is next.

    pieces: for each piece of the text, the texts of its tokens now. pairs: the pairs of neighbouring tokens and
    how often the text holds them, the most frequent first. ranks: of each of these pairs among a tokenizer's
    merges; None if it is none of them, or if the merges are still learned. joined, made, rank: the pair that is
    joined next, the token that this makes, and its rank among the merges; None at the end.
    """

    pieces: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[str, str, int], ...]
    ranks: tuple[int | None, ...]
    joined: tuple[str, str] | None
    made: str | None
    rank: int | None


def learn_steps(text: str, most: int = 1000) -> Iterator[MergeStep]:
    """Learn merges from a text: join the most frequent pair, until no pair is left or `most` are joined."""
    ids = [bytes_of(piece) for piece in pieces(text)]
    words = Words(Counter(pieces(text)))
    for rank, (pair, _) in enumerate(words.merges(256 + most)):
        yield _step(ids, words.tokens, pair, rank)
        new = words.tokens.index(words.tokens[pair[0]] + words.tokens[pair[1]])
        ids = [_joined(row, pair, new) for row in ids]
    yield _step(ids, words.tokens, None, None)


def encode_steps(tokenizer: BPETokenizer, text: str) -> Iterator[MergeStep]:
    """Encode a text: of all its pairs, the one that was learned first is joined, everywhere."""
    ids = [bytes_of(piece) for piece in pieces(text)]
    while True:
        found = {tokenizer.ranks[p] for row in ids for p in pairwise(row) if p in tokenizer.ranks}
        if not found:
            break
        rank = min(found)
        pair = tokenizer.merges[rank]
        yield _step(ids, tokenizer.tokens, pair, rank, tokenizer.ranks)
        ids = [_joined(row, pair, tokenizer.joined[rank]) for row in ids]
    yield _step(ids, tokenizer.tokens, None, None, tokenizer.ranks)


def bytes_of(piece: str) -> list[int]:
    """A piece as the ids of its bytes."""
    return [ID_OF_BYTE[byte] for byte in piece.encode("utf-8")]


def _step(
    ids: list[list[int]],
    tokens: list[bytes],
    pair: tuple[int, int] | None,
    rank: int | None,
    ranks: Mapping[tuple[int, int], int] | None = None,
) -> MergeStep:
    counts = Counter(p for row in ids for p in pairwise(row))
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    name = [label(token) for token in tokens]
    return MergeStep(
        pieces=tuple(tuple(name[id] for id in row) for row in ids),
        pairs=tuple((name[a], name[b], count) for (a, b), count in ordered),
        ranks=tuple((ranks or {}).get(pair) for pair, _ in ordered),
        joined=pair and (name[pair[0]], name[pair[1]]),
        made=pair and label(tokens[pair[0]] + tokens[pair[1]]),
        rank=rank,
    )


def _joined(row: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """A row with a pair replaced by one token, from left to right."""
    result: list[int] = []
    for id in row:
        if result and (result[-1], id) == pair:
            result[-1] = new
        else:
            result.append(id)
    return result


@dataclass(frozen=True)
class Candidate:
    """A piece that could stand at bytes [start, end) of a word, and the logarithm of its probability.

    best: whether it is part of the likeliest cut.
    """

    id: int
    text: str
    start: int
    end: int
    score: float
    best: bool


@dataclass(frozen=True)
class Lattice:
    """All pieces that a word could be cut into, by their places, and the score of the best cut."""

    word: str
    candidates: tuple[Candidate, ...]
    score: float

    @property
    def probability(self) -> float:
        """Of the best cut."""
        return math.exp(self.score)


def lattices(tokenizer: UnigramTokenizer, text: str) -> list[Lattice]:
    """One lattice for each piece of a text."""
    number = {token: id for id, token in enumerate(tokenizer.tokens)}
    longest = max(map(len, number))
    return [_lattice(tokenizer, piece, number, longest) for piece in pieces(text)]


def _lattice(
    tokenizer: UnigramTokenizer, word: str, number: dict[bytes, int], longest: int
) -> Lattice:
    data, best, at = word.encode("utf-8"), set(), 0
    for id in tokenizer.encode_piece(word):
        end = at + len(tokenizer.tokens[id])
        best.add((at, end))
        at = end
    found = []
    for start in range(len(data)):
        for end in range(start + 1, min(start + longest, len(data)) + 1):
            id = number.get(data[start:end], -1)
            if id >= 0:
                one = Candidate(
                    id,
                    tokenizer.token_text(id),
                    start,
                    end,
                    tokenizer.scores[id],
                    (start, end) in best,
                )
                found.append(one)
    return Lattice(word, tuple(found), sum(one.score for one in found if one.best))
