"""Byte-pair encoding (Sennrich et al. 2016; over bytes: Radford et al. 2019), spelled out.

Characters are small: a model spends its steps on spelling. Whole words are too many, and a new text holds words
that no list has. BPE is between them, and learns its pieces from the text:

1. Begin with bytes: each of the 256 is a token.
2. Count all pairs of neighbouring tokens. Join the most frequent pair: it becomes one new token, everywhere.
3. Repeat step 2 until the vocabulary is as large as wanted. The list of merges is the tokenizer.

To encode a text, begin with its bytes and do the merges in the order in which they were learned. To decode, put
the bytes of the tokens together. So a vocabulary of V has V - 256 merges, and 257 is the smallest that has one.

Of pairs with the same count, the one with the smaller ids is joined first, as in the `tokenizers` library.
`tests/lm/test_bpe.py` holds both equal, merge for merge and id for id.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from lm.errors import CorpusProblem
from lm.tokenizers.byte_level import (
    ALPHABET,
    LONG,
    VOCAB_SIZE,
    ByteLevelTokenizer,
    as_letters,
    as_standard,
    pieces,
)
from lm.tokenizers.standard import read_merges

Pair = tuple[int, int]  # the ids of two neighbouring tokens

ID_OF_BYTE = {token[0]: id for id, token in enumerate(ALPHABET)}
MOST_READ = 4_000_000  # characters that merges are learned from, which bounds time and memory
NEVER = 2**31  # the rank of a pair that is not joined


def learn_merges(text: str, vocab_size: int) -> list[Pair]:
    """The merges that a text teaches, in their order: V - 256, or fewer if no pair is left before."""
    words = Words(Counter(pieces(text)))
    return [pair for pair, _ in words.merges(vocab_size)]


class Words:
    """The different pieces of a text as rows of tokens, and the count of each pair of neighbours.

    A merge changes few pairs, so counts are kept up to date instead of being counted anew: `places` knows where
    each pair stands. Rows are linked lists: `left` and `right` of a place are those of its neighbours, -1 at
    the ends of a piece. A place whose token was joined to the left one has the id -1.
    """

    def __init__(self, counted: Mapping[str, int]) -> None:
        """counted: each piece, and how often the text holds it."""
        self.tokens = list(ALPHABET)
        self.ids: list[int] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.times: list[int] = []  # how often the text holds the piece of a place
        for piece, times in counted.items():
            row = [ID_OF_BYTE[byte] for byte in piece.encode("utf-8")]
            first, end = len(self.ids), len(self.ids) + len(row)
            self.ids += row
            self.left += [-1, *range(first, end - 1)]
            self.right += [*range(first + 1, end), -1]
            self.times += [times] * len(row)
        self.counts: dict[Pair, int] = defaultdict(int)
        self.places: dict[Pair, list[int]] = defaultdict(list)
        for place, after in enumerate(self.right):
            if after >= 0:
                self._found(place, after)

    def _found(self, place: int, after: int) -> Pair:
        """A pair stands at `place`, and its second token at `after`."""
        pair = self.ids[place], self.ids[after]
        self.counts[pair] += self.times[place]
        self.places[pair].append(place)
        return pair

    def merges(self, vocab_size: int) -> Iterator[tuple[Pair, int]]:
        """Join the most frequent pair, again and again; yields each with its count."""
        known = {token: id for id, token in enumerate(self.tokens)}
        queue = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(queue)
        while len(self.tokens) < vocab_size and queue:
            negative, pair = heapq.heappop(queue)
            count = self.counts[pair]
            if count != -negative:  # a merge has changed it since
                heapq.heappush(queue, (-count, pair))
                continue
            if count < 1:
                return
            token = self.tokens[pair[0]] + self.tokens[pair[1]]
            new = known.setdefault(token, len(self.tokens))
            if new == len(self.tokens):  # else another merge has already made these bytes
                self.tokens.append(token)
            for formed in self.join(pair, new):
                if self.counts[formed] > 0:
                    heapq.heappush(queue, (-self.counts[formed], formed))
            yield pair, count

    def join(self, pair: Pair, new: int) -> set[Pair]:
        """Replace a pair by the token `new` everywhere, from left to right; returns the pairs this forms."""
        ids, left, right, counts = self.ids, self.left, self.right, self.counts
        a, b = pair
        formed = set()
        for place in sorted(self.places.pop(pair)):
            second = right[place]
            if ids[place] != a or second < 0 or ids[second] != b:
                continue  # an earlier merge took one of the two
            before, after = left[place], right[second]
            times = self.times[place]
            ids[place], ids[second] = new, -1
            right[place] = after
            if before >= 0:
                counts[ids[before], a] -= times
                formed.add(self._found(before, place))
            if after >= 0:
                left[after] = place
                counts[b, ids[after]] -= times
                formed.add(self._found(place, after))
        return formed


class BPETokenizer(ByteLevelTokenizer):
    """Tokens 0 to 255 are bytes, in GPT-2's order; then comes one for each merge."""

    kind: ClassVar[str] = "bpe"

    def __init__(self, merges: Sequence[Pair]) -> None:
        """merges: pairs of ids, in the order in which they are done. `ValueError` for an id not yet made."""
        self.merges = tuple(merges)
        self.tokens = list(ALPHABET)
        self.ranks: dict[Pair, int] = {}
        self.joined: list[int] = []  # the token that each merge makes
        known = {token: id for id, token in enumerate(self.tokens)}
        for rank, (a, b) in enumerate(self.merges):
            if not (0 <= a < len(self.tokens) and 0 <= b < len(self.tokens)):
                raise ValueError(f"merge {rank} joins a token that is not made yet")
            token = self.tokens[a] + self.tokens[b]
            new = known.setdefault(token, len(self.tokens))
            if new == len(self.tokens):
                self.tokens.append(token)
            self.ranks[a, b] = rank
            self.joined.append(new)

    @classmethod
    def from_text(cls, text: str, config: Any = None) -> "BPETokenizer":
        """Learn merges from a text, as many as the vocabulary wants and the text has.

        Raises CorpusProblem if the text is empty.
        """
        if not text:
            raise CorpusProblem("An empty text has no merges: choose a corpus first.")
        vocab_size = VOCAB_SIZE if config is None else config.vocab_size
        return cls(learn_merges(text[:MOST_READ], vocab_size))

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "BPETokenizer":
        """The inverse of `to_json`. Raises RunProblem for a file that is damaged, or would lose text."""
        return cls(read_merges(saved))

    def to_json(self) -> dict[str, Any]:
        """The contents of the standard tokenizer.json."""
        letters = [as_letters(token) for token in self.tokens]
        return as_standard(
            {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: id for id, token in enumerate(letters)},
                "merges": [[letters[a], letters[b]] for a, b in self.merges],
            }
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BPETokenizer) and self.merges == other.merges

    def __hash__(self) -> int:
        return hash(self.merges)

    def __repr__(self) -> str:
        return f"BPETokenizer({len(self.merges)} merges)"

    def encode_piece(self, piece: str) -> list[int]:
        """The bytes of a piece, joined: of all pairs in it the one learned first, then the leftmost."""
        ids = [ID_OF_BYTE[byte] for byte in piece.encode("utf-8")]
        if len(ids) > LONG:
            return self.joined_long(ids)
        while len(ids) > 1:
            rank, place = min(
                (self.ranks.get(pair, NEVER), i) for i, pair in enumerate(pairwise(ids))
            )
            if rank == NEVER:
                break
            ids[place : place + 2] = [self.joined[rank]]
        return ids

    def joined_long(self, ids: list[int]) -> list[int]:
        """The same for a piece of any length: a queue of pairs, instead of a search before each merge.

        A text of a million letters without a space is one piece; the search would take days.
        """
        left, right = [*range(-1, len(ids) - 1)], [*range(1, len(ids)), -1]
        queue: list[tuple[int, int]] = []  # rank and place

        def expect(place: int) -> None:
            if place >= 0 and right[place] >= 0:
                rank = self.ranks.get((ids[place], ids[right[place]]))
                if rank is not None:
                    heapq.heappush(queue, (rank, place))

        for place in range(len(ids)):
            expect(place)
        while queue:
            rank, place = heapq.heappop(queue)
            second = right[place]
            if second < 0 or self.ranks.get((ids[place], ids[second])) != rank:
                continue  # an earlier merge took one of the two
            ids[place], ids[second] = self.joined[rank], -1
            right[place] = after = right[second]
            right[second] = -1
            if after >= 0:
                left[after] = place
            expect(place)
            expect(left[place])
        return [id for id in ids if id >= 0]
