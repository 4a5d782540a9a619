"""Language models without gradients: count what followed what, and divide.

Every neural curve is drawn over these lines, because they keep it honest: they take seconds, have nothing
to tune, and a five-character count is better than many a network that looks as if it were learning. All
losses are in nats per character over the whole validation split, counted on the train split only.

The longer the context, the better the guess, and the fewer the times it was seen. The art lies in what to
do about contexts that were seen once or never. Adding one to every count serves for pairs; for longer
contexts the best known answer is modified Kneser-Ney smoothing, below.
"""

from dataclasses import dataclass, replace

import numpy as np


def baselines(
    train_ids: np.ndarray, validation_ids: np.ndarray, vocab_size: int, order: int = 5
) -> dict[str, float]:
    """Validation loss, in nats per character, of "uniform", "unigram", "bigram" and "5-gram".

    Args:
        train_ids, validation_ids: (N,) and (M,) integers from 0 to vocab_size - 1, neither empty.
        vocab_size: V.
        order: the longest n-gram, the character itself counted; the last key is f"{order}-gram".

    A character whose context reaches back before the split's beginning is predicted from what there is.
    """
    train, validation = np.asarray(train_ids, np.int64), np.asarray(validation_ids, np.int64)
    if not len(train) or not len(validation):
        raise ValueError("baselines need a train split and a validation split that are not empty")
    unigram = unigram_table(train, vocab_size)
    model = KneserNey.count(train, vocab_size, order)
    return {
        "uniform": float(np.log(vocab_size)),
        "unigram": float(-np.log(unigram[validation]).mean()),
        "bigram": _bigram_loss(train, validation, unigram),
        f"{order}-gram": float(-np.log(model.probabilities(validation)).mean()),
    }


def unigram_table(train_ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """(V,) how often each character occurs, as probabilities; one is added to each count."""
    counts = np.bincount(train_ids, minlength=vocab_size) + 1.0
    return counts / counts.sum()


def bigram_table(train_ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """(V, V) probabilities: row a, column b is how often b follows a; one is added to each count.

    This is what the neural bigram model learns by gradient descent, had here by counting.
    """
    ids = np.asarray(train_ids, np.int64)
    pairs = np.bincount(ids[:-1] * vocab_size + ids[1:], minlength=vocab_size**2)
    counts = pairs.reshape(vocab_size, vocab_size) + 1.0
    return counts / counts.sum(axis=1, keepdims=True)


def _bigram_loss(train: np.ndarray, validation: np.ndarray, unigram: np.ndarray) -> float:
    """The same as looking pairs up in `bigram_table`, without a (V, V) table for large alphabets."""
    vocab_size = len(unigram)
    pairs, counts = np.unique(train[:-1] * vocab_size + train[1:], return_counts=True)
    before = np.bincount(train[:-1], minlength=vocab_size) + vocab_size  # (V,)
    wanted = validation[:-1] * vocab_size + validation[1:]
    together = _values_at(_find(wanted, pairs), counts) + 1
    first = np.log(unigram[validation[0]])  # it has no character before it
    return float(-(first + np.log(together / before[validation[:-1]]).sum()) / len(validation))


@dataclass(frozen=True)
class Counts:
    """How often each n-gram of one length n counts, sorted by key. An n-gram's number is its place.

    The key of n characters is (number of the first n - 1 as an (n-1)-gram) * V + the last, so a key fits
    into 64 bits however long n is.
    """

    keys: np.ndarray  # (G,) int64, ascending
    counts: np.ndarray  # (G,) int64; 0 for what stood nowhere but at the text's beginning
    contexts: int  # how many (n-1)-grams there are


class Counting:
    """The n-grams of a text, counted one character longer with each `longer()`.

    Of the greatest length, `counts[-1]`, occurrences are counted; of all shorter ones, how many different
    characters stood before them (idea 3 of `KneserNey`).
    """

    def __init__(self, train_ids: np.ndarray, vocab_size: int) -> None:
        self.ids = np.asarray(train_ids, np.int64)  # (N,), from 0 to V - 1
        self.vocab_size = vocab_size
        self.counts: list[Counts] = []  # of lengths 1, 2, …
        # numbers[n][i]: which n-gram begins at place i. The empty one stands everywhere, number 0.
        self.numbers = [np.zeros(len(self.ids) + 1, np.int64)]

    def longer(self) -> None:
        """Count the n-grams one character longer than the longest so far; the text must have one."""
        length = len(self.counts) + 1
        shorter = self.numbers[-1]
        packed = shorter[: len(self.ids) - length + 1] * self.vocab_size + self.ids[length - 1 :]
        keys, places, inverse, occurrences = np.unique(
            packed, return_index=True, return_inverse=True, return_counts=True
        )
        contexts = 1
        if self.counts:
            contexts = len(self.counts[-1].keys)
            before = np.bincount(shorter[places + 1], minlength=contexts)
            self.counts[-1] = replace(self.counts[-1], counts=before)
        self.counts.append(Counts(keys, occurrences, contexts))
        self.numbers.append(inverse)

    def loss(self) -> float:
        """Nats per character that the model of these counts loses on the very text it counted."""
        p = np.full(len(self.ids), 1 / self.vocab_size)
        for length, counts in enumerate(self.counts, start=1):
            level, number = Shares.of(counts, self.vocab_size), self.numbers[length]
            context = self.numbers[length - 1][: len(number)]
            start = length - 1  # the first character that has so much context
            p[start:] = level.kept[number] + level.backoff[context] * p[start:]
        return float(-np.log(p).mean())


@dataclass(frozen=True)
class Shares:
    """The n-grams of one length as discounted shares; keys as in `Counts`."""

    keys: np.ndarray  # (G,) int64
    kept: np.ndarray  # (G,) the count less the discount, over the context's total
    backoff: np.ndarray  # (contexts,) the probability that the discounts set free; 1 if unseen

    @classmethod
    def of(cls, counts: Counts, vocab_size: int) -> "Shares":
        """Discount the counts of one length."""
        context_of = counts.keys // vocab_size  # (G,)
        total = np.bincount(context_of, counts.counts, counts.contexts)
        discounts = discount(counts.counts)[np.minimum(counts.counts, 3)]  # (G,)
        freed = np.bincount(context_of, discounts, counts.contexts)
        seen = total > 0
        safe_total = np.where(seen, total, 1.0)
        return cls(
            keys=counts.keys,
            kept=(counts.counts - discounts) / safe_total[context_of],
            backoff=np.where(seen, freed / safe_total, 1.0),
        )


@dataclass(frozen=True)
class KneserNey:
    """Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999, section 3).

    With h the context and h' the same without its oldest character,

        p(w | h) = max(c(hw) - D(c(hw)), 0) / c(h·)  +  backoff(h) * p(w | h')

    and three ideas:

    1. *Discount.* A thing seen c times in training is seen about c - D times in as much new text. D is
       estimated from how many n-grams occur once, twice, three and four times, apart for c = 1, 2, 3+.
    2. *Back off.* What the discounts set free goes to the shorter context, down to 1/V for all.
    3. *Count contexts, not occurrences.* Shorter contexts are asked only when the longer one failed. So
       what matters there is behind how many different characters "hw" was seen, not how often: what
       is frequent only because it always follows one thing is a poor guess behind another.
    """

    vocab_size: int
    levels: tuple[Shares, ...]  # of lengths 1, 2, ... order

    @property
    def order(self) -> int:
        return len(self.levels)

    @classmethod
    def count(cls, train_ids: np.ndarray, vocab_size: int, order: int = 5) -> "KneserNey":
        """Count the n-grams of up to `order` characters in (N,) ids from 0 to vocab_size - 1.

        A text with N < order has no n-grams of the greater lengths; the model then stops at N.
        """
        if order < 1 or not len(train_ids):
            raise ValueError("Kneser-Ney needs an order of at least 1 and a text that is not empty")
        counting = Counting(train_ids, vocab_size)
        for _ in range(min(order, len(counting.ids))):
            counting.longer()
        return cls(vocab_size, tuple(Shares.of(counts, vocab_size) for counts in counting.counts))

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """(N,) the probability of each of (N,) ids, given those before it."""
        ids = np.asarray(ids, np.int64)
        p = np.full(len(ids), 1 / self.vocab_size)
        context = np.zeros(len(ids), np.int64)  # the number of the context of each id; -1 if unseen
        for length, level in enumerate(self.levels, start=1):
            start = length - 1  # the first id that has so much context
            keys = np.where(context >= 0, context * self.vocab_size + ids[start:], -1)
            number = _find(keys, level.keys)
            p[start:] = _interpolate(level, context, number, p[start:])
            context = number[:-1]  # the n-gram that ends here is the context of what comes next
        return p

    def next_probabilities(self, context: np.ndarray) -> np.ndarray:
        """(V,) the probability of every character after (n,) ids, the most recent last; sums to one."""
        context = np.asarray(context, np.int64)
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for length, level in enumerate(self.levels, start=1):
            if length - 1 > len(context):
                break
            number = 0
            recent = context[len(context) - (length - 1) :]
            for shorter, character in zip(self.levels, recent, strict=False):
                if number >= 0:
                    key = np.array([number * self.vocab_size + character])
                    number = int(_find(key, shorter.keys)[0])
            if number < 0:
                break  # never seen: nor is any longer one
            keys = number * self.vocab_size + np.arange(self.vocab_size)
            p = _interpolate(level, np.full(len(p), number), _find(keys, level.keys), p)
        return p


def discount(counts: np.ndarray) -> np.ndarray:
    """(4,) what to take off a count of 0, 1, 2, and 3 or more.

    D(c) = c - (c + 1) Y n(c+1) / n(c) with Y = n(1) / (n(1) + 2 n(2)), where n(c) is how many n-grams
    occur c times. Too small a text may have none of some kind, or more threes than twos; then half a
    count is taken, which is between 0 and c for every c.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    y = n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
    result = np.zeros(4)
    for c in (1, 2, 3):
        estimate = c - (c + 1) * y * n[c + 1] / n[c] if n[c] and y else 0.0
        result[c] = estimate if 0 < estimate < c else 0.5
    return result


def _interpolate(
    level: Shares, context: np.ndarray, number: np.ndarray, shorter: np.ndarray
) -> np.ndarray:
    """p(w | h) from p(w | h'), for (N,) pairs given as numbers of contexts and n-grams, -1 if unseen."""
    return _values_at(number, level.kept) + _values_at(context, level.backoff, 1.0) * shorter


def _find(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(N,) the place of each wanted key among (G,) sorted ones, -1 where it is not among them."""
    if not len(keys):
        return np.full(len(wanted), -1)
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _values_at(places: np.ndarray, values: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    """(N,) the value at each place, and `otherwise` at place -1."""
    if not len(values):
        return np.full(len(places), otherwise)
    return np.where(places >= 0, values[places], otherwise)
