"""Unigram (Kudo 2018), the tokenizer of SentencePiece: pieces with probabilities, and the likeliest cut.

BPE builds pieces up; Unigram takes them away. It begins with all frequent strings, estimates the probability of
each (expectation-maximisation), removes those that are missed least, and repeats that until the vocabulary is
as small as wanted. A text is cut so that the product of its pieces' probabilities is as large as possible.

The `tokenizers` library learns the pieces and cuts the texts. `best_cut` is the cutting spelled out, to be
read; a test holds both equal.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import tokenizers as library

from lm.errors import CorpusProblem
from lm.tokenizers.byte_level import (
    VOCAB_SIZE,
    ByteLevelTokenizer,
    as_bytes,
    as_letters,
    as_standard,
    pieces,
)
from lm.tokenizers.standard import read_pieces

# Bytes of different pieces that are learned from: a million random letters would take a minute.
MOST_READ = 250_000
# Characters of a row that the library learns from: its memory grows with the longest row.
LONGEST = 1000
# The library's scores of bytes that never occur lie up to so far above the least score, in any order.
PENALTY = 0.03


class UnigramTokenizer(ByteLevelTokenizer):
    """The id of a piece is its place among all, the likeliest first; each of the 256 bytes is a piece."""

    kind: ClassVar[str] = "unigram"

    def __init__(self, scored: Sequence[tuple[bytes, float]]) -> None:
        """scored: each piece, and the logarithm of its probability."""
        self.tokens = [token for token, _ in scored]
        self.scores = [score for _, score in scored]
        vocab = [(as_letters(token), score) for token, score in scored]
        self._library = library.Tokenizer(library.models.Unigram(vocab, None, False))
        self._library.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as its pieces."""
        return UnigramTokenizer, (list(zip(self.tokens, self.scores, strict=True)),)

    @classmethod
    def from_text(cls, text: str, config: Any = None) -> "UnigramTokenizer":
        """Learn pieces from a text, as many as the vocabulary wants and the text has.

        Raises CorpusProblem if the text is empty.
        """
        if not text:
            raise CorpusProblem("An empty text has no pieces: choose a corpus first.")
        vocab_size = VOCAB_SIZE if config is None else config.vocab_size
        return cls(learn_pieces(text, vocab_size))

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "UnigramTokenizer":
        """The inverse of `to_json`. Raises RunProblem for a file that is damaged, or would lose text."""
        return cls(read_pieces(saved))

    def to_json(self) -> dict[str, Any]:
        """The contents of the standard tokenizer.json."""
        scored = zip(self.tokens, self.scores, strict=True)
        vocab = [[as_letters(token), score] for token, score in scored]
        return as_standard(
            {"type": "Unigram", "unk_id": None, "vocab": vocab, "byte_fallback": False}
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnigramTokenizer) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return f"UnigramTokenizer({len(self.tokens)} pieces)"

    @property
    def _all(self) -> tuple[tuple[bytes, ...], tuple[float, ...]]:
        return tuple(self.tokens), tuple(self.scores)

    def encode_piece(self, piece: str) -> list[int]:
        """The likeliest cut of a piece."""
        return self._library.encode(piece).ids


def learn_pieces(text: str, vocab_size: int) -> list[tuple[bytes, float]]:
    """The pieces that a text teaches, the likeliest first: V, or fewer if the text has no more.

    The library numbers equally likely pieces in an order that changes from run to run, and rounding changes
    with its threads. Here they are in the order of their bytes, with six decimals.
    """
    trainer = library.trainers.UnigramTrainer(
        vocab_size=vocab_size,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    trained = library.Tokenizer(library.models.Unigram())
    trained.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(_rows(text), trainer)
    vocab = json.loads(trained.to_str())["model"]["vocab"]
    uniform = -math.log(len(vocab))  # in place of the scores of a text without any piece
    known = [(letters, uniform if score is None else score) for letters, score in vocab]
    least = min(score for _, score in known)
    scored = []
    for letters, score in known:
        token = as_bytes(letters)
        unseen = len(token) == 1 and score < least + PENALTY
        scored.append((token, round(least if unseen else score, 6)))
    return sorted(scored, key=lambda one: (-one[1], one[0]))


def _rows(text: str) -> Iterator[str]:
    """The text for the library: long pieces are cut, and it ends when different pieces make up `MOST_READ`."""
    seen: set[str] = set()
    read = 0
    for piece in pieces(text):
        for start in range(0, len(piece), LONGEST):
            row = piece[start : start + LONGEST]
            if row not in seen:
                seen.add(row)
                read += len(row.encode("utf-8"))
            if read > MOST_READ:
                return
            yield row


def best_cut(piece: bytes, scores: Mapping[bytes, float]) -> list[bytes]:
    """The cut of a piece into tokens whose scores add up to the most (Viterbi's algorithm).

    scores: the logarithm of each token's probability; each byte must be a token.
    """
    longest = max(map(len, scores))
    best = [0.0] + [-math.inf] * len(piece)  # of the first n bytes
    begins = [0] * (len(piece) + 1)  # where the last token of that cut begins
    for start in range(len(piece)):
        for end in range(start + 1, min(start + longest, len(piece)) + 1):
            score = best[start] + scores.get(piece[start:end], -math.inf)
            if score > best[end]:
                best[end], begins[end] = score, start
    cut, end = [], len(piece)
    while end > 0:
        cut.append(piece[begins[end] : end])
        end = begins[end]
    return cut[::-1]
