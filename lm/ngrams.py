"""Language models without gradients: count how often each character followed each context, and divide.

A longer context predicts better but occurs less often. Adding one to every count is enough for pairs of
characters. Longer n-grams need interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999, section 3).
With h a context, h' the same without its oldest character, and c a count,

    p(w | h) = max(c(hw) - D(c(hw)), 0) / c(h·)  +  backoff(h) p(w | h')        down to 1/V

and three ideas:

1. *Discount.* An n-gram seen c times in training is seen about c - D times in as much new text. `discounts`
   estimates D from how many n-grams occur once, twice, three and four times.
2. *Back off.* The probability that the discounts set free, backoff(h), goes to the shorter context.
3. *Count contexts, not occurrences.* A shorter context matters only where the longer one was not seen. So
   for all but the greatest length, c is the number of different characters that precede the n-gram: a
   character that is frequent only after one other is a poor guess after a third.

`Counting` counts, `Discounted` takes D off, `interpolate` adds up the lengths. `lm/baselines.py` draws the
dashed lines of every chart from them; the model in `models/ngram.py` does the same sum for every possible next
character at once.

A text is counted in pieces, so that the memory beside the results does not grow with it.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

PIECE = 2**20  # characters that are counted at once


@dataclass(frozen=True)
class Counts:
    """The counts of all n-grams of one length n. An n-gram's number is its index in `keys`.

    The key of an n-gram is (number of its first n - 1 characters as an (n-1)-gram) * V + its last
    character, so a key fits into 64 bits however large n is.
    """

    keys: np.ndarray  # (G,) int64, ascending
    counts: np.ndarray  # (G,) int64; 0 for an n-gram that occurs only where the text begins
    contexts: int  # how many (n-1)-grams there are


class Counting:
    """The n-grams of a text, counted one length at a time, from 1 up.

    `counts[-1]`, of the greatest length, holds occurrences. All shorter lengths hold the number of different
    characters that precede each n-gram (idea 3 above).
    """

    def __init__(
        self, train_ids: np.ndarray, vocab_size: int, *, keep_numbers: bool = True
    ) -> None:
        """keep_numbers: keep what `loss` of the counted text needs, 4 bytes a character for each length."""
        self.ids = np.asarray(train_ids, np.int64)  # (N,), from 0 to V - 1
        self.vocab_size = vocab_size
        self.keep_numbers = keep_numbers
        self.counts: list[Counts] = []  # of lengths 1, 2, …
        # numbers[n]: (N - n + 1,) the number of the n-gram that begins at each character. The empty
        # n-gram, number 0, also follows the last character.
        self.numbers = [np.broadcast_to(np.int32(0), len(self.ids) + 1)]

    def count_next_length(self, tell: Callable[[float], object] | None = None) -> None:
        """Count the n-grams one character longer than the longest so far; the text must have one.

        tell: called with the share that is done, 0 to 1.
        """
        shorter, last = self.numbers[-1], self.ids[len(self.counts) :]  # (N - n + 2,), (N - n + 1,)
        contexts = len(self.counts[-1].keys) if self.counts else 1
        numbers = np.empty(len(last), np.int32)
        found: list[tuple[np.ndarray, np.ndarray]] = []  # keys and occurrences of each piece
        pieces = list(_pieces(len(last)))
        for done, (a, b) in enumerate(pieces, start=1):
            keys = shorter[a:b].astype(np.int64) * self.vocab_size + last[a:b]
            own, numbers[a:b], occurrences = _distinct(keys, contexts * self.vocab_size)
            found.append((own, occurrences))
            if tell is not None:
                tell(0.7 * done / len(pieces))
        all_keys = (
            np.unique(np.concatenate([own for own, _ in found])) if found[1:] else found[0][0]
        )
        counts = np.zeros(len(all_keys), np.int64)
        # The number of each n-gram's last n - 1 characters.
        suffix = np.empty(len(all_keys), np.int32)
        for done, ((a, b), (own, occurrences)) in enumerate(
            zip(pieces, found, strict=True), start=1
        ):
            place = np.searchsorted(all_keys, own)
            counts[place] += occurrences
            numbers[a:b] = place[numbers[a:b]]
            suffix[numbers[a:b]] = shorter[a + 1 : b + 1]
            if tell is not None:
                tell(0.7 + 0.3 * done / len(pieces))
        if self.counts:  # each different n-gram is one character before its last n - 1
            preceding = np.bincount(suffix, minlength=contexts)
            self.counts[-1] = replace(self.counts[-1], counts=preceding)
        self.counts.append(Counts(all_keys, counts, contexts))
        self.numbers = [*(self.numbers if self.keep_numbers else []), numbers]

    def longer_in(self, length: int) -> "Counting":
        """These counts, and the n-grams one character longer, counted in the first `length` ids alone.

        These counts themselves stay as they are.
        """
        part = copy.copy(self)
        part.ids, part.counts = self.ids[:length], list(self.counts)
        part.numbers = [numbers[: length + 1 - n] for n, numbers in enumerate(self.numbers)]
        part.count_next_length()
        part.counts[:-1] = self.counts  # not as if all of them had been counted in that part
        keys = (
            self.numbers[-1][:-1].astype(np.int64) * self.vocab_size + self.ids[len(self.counts) :]
        )
        part.ids, part.numbers = self.ids, [*self.numbers, find(keys, part.counts[-1].keys)]
        return part

    def numbers_in(self, ids: np.ndarray) -> list[np.ndarray]:
        """The numbers of the n-grams in another text, as in `numbers`; -1 for those never counted."""
        numbers = [np.zeros(len(ids) + 1, np.int64)]
        for n, counts in enumerate(self.counts, start=1):
            context = numbers[-1][:-1]
            keys = np.where(context >= 0, context * self.vocab_size + ids[n - 1 :], -1)
            numbers.append(find(keys, counts.keys))
        return numbers

    def probabilities(self, ids: np.ndarray | None = None) -> np.ndarray:
        """(M,) the probability of each of (M,) ids given those before it; if None, of the counted text."""
        return np.concatenate(list(self._probabilities(ids)))

    def loss(self, ids: np.ndarray | None = None) -> float:
        """The mean of -ln p in nats per character, for the same ids as `probabilities`."""
        total = sum(-np.log(p).sum() for p in self._probabilities(ids))
        return float(total / len(self.ids if ids is None else ids))

    def _probabilities(self, ids: np.ndarray | None) -> Iterator[np.ndarray]:
        """Those of each piece; a piece is read with the characters before it that its n-grams need."""
        text = self.ids if ids is None else np.asarray(ids, np.int64)
        levels = [Discounted.of(counts, self.vocab_size) for counts in self.counts]
        for a, b in _pieces(len(text)):
            start = max(0, a - len(levels) + 1)
            if ids is None:
                numbers = [of_n[start : b - n + 1] for n, of_n in enumerate(self.numbers)]
            else:
                numbers = self.numbers_in(text[start:b])
            yield interpolate(levels, numbers, self.vocab_size)[a - start :]


def count(train_ids: np.ndarray, vocab_size: int, order: int) -> Counting:
    """Count the n-grams of 1 to `order` characters in (N,) ids, or of 1 to N in a shorter text."""
    if order < 1 or not len(train_ids):
        raise ValueError("counting needs an order of at least 1 and a text that is not empty")
    counting = Counting(train_ids, vocab_size)
    for _ in range(min(order, len(train_ids))):
        counting.count_next_length()
    return counting


@dataclass(frozen=True)
class Discounted:
    """The two parts of the formula for one length, in the order of `Counts`."""

    share: np.ndarray  # (G,) (c(hw) - D) / c(h·)
    backoff: np.ndarray  # (contexts,) the sum of D / c(h·) over w; 1 if c(h·) = 0

    @classmethod
    def of(cls, counts: Counts, vocab_size: int) -> "Discounted":
        """Discount the counts of one length."""
        context = counts.keys // vocab_size  # (G,)
        discount = discounts(counts.counts)[np.minimum(counts.counts, 3)]  # (G,)
        total = np.bincount(context, counts.counts, counts.contexts)  # (contexts,)
        freed = np.bincount(context, discount, counts.contexts)  # (contexts,)
        seen = total > 0
        total = np.where(seen, total, 1.0)
        return cls(
            share=(counts.counts - discount) / total[context],
            backoff=np.where(seen, freed / total, 1.0),
        )


def discounts(counts: np.ndarray) -> np.ndarray:
    """(4,) the discounts D of the counts 0, 1, 2, and 3 or more.

    D(c) = c - (c + 1) Y n(c+1) / n(c) with Y = n(1) / (n(1) + 2 n(2)), where n(c) is the number of n-grams
    that occur c times. A small text may have n(c) = 0, or give a D outside 0 to c; then D is 1/2.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
    result = np.zeros(4)
    for c in (1, 2, 3):
        estimate = c - (c + 1) * y * n[c + 1] / n[c] if n[c] and y else 0.0
        result[c] = estimate if 0 < estimate < c else 0.5
    return result


def interpolate(
    levels: Sequence[Discounted], numbers: Sequence[np.ndarray], vocab_size: int
) -> np.ndarray:
    """(N,) the probability of each character of a text, given those before it.

    levels: of lengths 1, 2, … numbers: those of the text's n-grams, of lengths 0, 1, …; -1 if never counted.
    """
    p = np.full(len(numbers[0]) - 1, 1 / vocab_size)
    for n, level in enumerate(levels, start=1):
        share = at(numbers[n], level.share, unseen=0)  # (N - n + 1,)
        backoff = at(numbers[n - 1][:-1], level.backoff, unseen=1)  # (N - n + 1,)
        p[n - 1 :] = share + backoff * p[n - 1 :]  # the first n - 1 have no such context
    return p


def find(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(N,) the index of each wanted key among (G,) ascending keys, -1 if it is not among them."""
    index = np.searchsorted(keys, wanted)
    return np.where(np.append(keys, -2)[index] == wanted, index, -1)  # no key is -2


def at(numbers: np.ndarray, values: np.ndarray, unseen: float) -> np.ndarray:
    """(N,) the value of each number, and `unseen` for number -1."""
    return np.append(values, unseen)[numbers]  # index -1 is the last


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    """The ends of the pieces of a text, one after the other."""
    return ((a, min(a + PIECE, length)) for a in range(0, length, PIECE))


def _distinct(keys: np.ndarray, possible: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of keys (N,): the different ones (G,), ascending; the index of each key among them; their occurrences.

    The same as `np.unique(keys, return_inverse=True, return_counts=True)`. Keys are below `possible`: if these
    are few, a table with a place for each is several times quicker than sorting.
    """
    if possible > 4 * len(keys):
        return np.unique(keys, return_inverse=True, return_counts=True)
    table = np.bincount(keys, minlength=possible)
    own = np.flatnonzero(table)
    index = np.empty(possible, np.int32)
    index[own] = np.arange(len(own), dtype=np.int32)
    return own, index[keys], table[own]
