"""Language models without gradients: count how often each character followed each context, and divide.

Every chart shows their losses as dashed lines, in nats per character. They take about a second to compute and
have nothing to tune, and the 5-gram beats small networks.

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

`Counting` counts, `Discounted` takes D off, `interpolate` adds up the lengths. The model in `models/ngram.py`
does the same sum for every possible next character at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


def baselines(
    train_ids: np.ndarray, validation_ids: np.ndarray, vocab_size: int
) -> dict[str, float]:
    """Validation loss, in nats per character, of "uniform", "unigram", "bigram" and "5-gram".

    train_ids (N,) and validation_ids (M,) are integers from 0 to vocab_size - 1, neither empty. Each
    character is predicted from those before it in its split. Memory is proportional to N + M + V, not to the
    V² possible pairs.
    """
    train, validation = np.asarray(train_ids, np.int64), np.asarray(validation_ids, np.int64)
    if not len(train) or not len(validation):
        raise ValueError("baselines need a train split and a validation split that are not empty")
    unigram = unigram_table(train, vocab_size)
    return {
        "uniform": float(np.log(vocab_size)),
        "unigram": float(-np.log(unigram[validation]).mean()),
        "bigram": _bigram_loss(train, validation, unigram),
        "5-gram": count(train, vocab_size, order=5).loss(validation),
    }


def unigram_table(train_ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """(V,) the probability of each character; one is added to each count."""
    counts = np.bincount(train_ids, minlength=vocab_size) + 1.0
    return counts / counts.sum()


def bigram_table(train_ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """(V, V) probabilities: row a, column b is p(b | a); one is added to each count.

    The neural bigram model learns this table by gradient descent.
    """
    ids = np.asarray(train_ids, np.int64)
    pairs = np.bincount(ids[:-1] * vocab_size + ids[1:], minlength=vocab_size**2)
    table = pairs.reshape(vocab_size, vocab_size) + 1.0
    table /= table.sum(axis=1, keepdims=True)
    return table


def _bigram_loss(train: np.ndarray, validation: np.ndarray, unigram: np.ndarray) -> float:
    """The loss of `bigram_table`, without a (V, V) table: large alphabets have too many pairs."""
    vocab_size = len(unigram)
    pairs, counts = np.unique(train[:-1] * vocab_size + train[1:], return_counts=True)
    totals = np.bincount(train[:-1], minlength=vocab_size) + vocab_size  # (V,)
    found = _find(validation[:-1] * vocab_size + validation[1:], pairs)
    p = (_at(found, counts, unseen=0) + 1) / totals[validation[:-1]]
    first = np.log(unigram[validation[0]])  # no character precedes it
    return float(-(first + np.log(p).sum()) / len(validation))


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

    def __init__(self, train_ids: np.ndarray, vocab_size: int) -> None:
        self.ids = np.asarray(train_ids, np.int64)  # (N,), from 0 to V - 1
        self.vocab_size = vocab_size
        self.counts: list[Counts] = []  # of lengths 1, 2, …
        # numbers[n]: (N - n + 1,) the number of the n-gram that begins at each character. The empty
        # n-gram, number 0, also follows the last character.
        self.numbers = [np.zeros(len(self.ids) + 1, np.int64)]

    def count_next_length(self) -> None:
        """Count the n-grams one character longer than the longest so far; the text must have one."""
        n, shorter = len(self.counts) + 1, self.numbers[-1]
        keys, first, numbers, occurrences = np.unique(
            shorter[:-1] * self.vocab_size + self.ids[n - 1 :],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        contexts = 1
        if self.counts:
            contexts = len(self.counts[-1].keys)
            # Each different n-gram is one character before its last n - 1.
            preceding = np.bincount(shorter[first + 1], minlength=contexts)
            self.counts[-1] = replace(self.counts[-1], counts=preceding)
        self.counts.append(Counts(keys, occurrences, contexts))
        self.numbers.append(numbers)

    def numbers_in(self, ids: np.ndarray) -> list[np.ndarray]:
        """The numbers of the n-grams in another text, as in `numbers`; -1 for those never counted."""
        numbers = [np.zeros(len(ids) + 1, np.int64)]
        for n, counts in enumerate(self.counts, start=1):
            context = numbers[-1][:-1]
            keys = np.where(context >= 0, context * self.vocab_size + ids[n - 1 :], -1)
            numbers.append(_find(keys, counts.keys))
        return numbers

    def probabilities(self, ids: np.ndarray | None = None) -> np.ndarray:
        """(M,) the probability of each of (M,) ids given those before it; if None, of the counted text."""
        numbers = self.numbers if ids is None else self.numbers_in(np.asarray(ids, np.int64))
        levels = [Discounted.of(counts, self.vocab_size) for counts in self.counts]
        return interpolate(levels, numbers, self.vocab_size)

    def loss(self, ids: np.ndarray | None = None) -> float:
        """The mean of -ln p in nats per character, for the same ids as `probabilities`."""
        return float(-np.log(self.probabilities(ids)).mean())


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
        share = _at(numbers[n], level.share, unseen=0)  # (N - n + 1,)
        backoff = _at(numbers[n - 1][:-1], level.backoff, unseen=1)  # (N - n + 1,)
        p[n - 1 :] = share + backoff * p[n - 1 :]  # the first n - 1 have no such context
    return p


def _find(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(N,) the index of each wanted key among (G,) ascending keys, -1 if it is not among them."""
    index = np.searchsorted(keys, wanted)
    return np.where(np.append(keys, -2)[index] == wanted, index, -1)  # no key is -2


def _at(numbers: np.ndarray, values: np.ndarray, unseen: float) -> np.ndarray:
    """(N,) the value of each number, and `unseen` for number -1."""
    return np.append(values, unseen)[numbers]  # index -1 is the last
