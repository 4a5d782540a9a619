"""The losses of counting, which a network should beat: the dashed lines of every chart, in nats per character.

They take about a second to compute and have nothing to tune, and the 5-gram beats small networks. Counting is
in `lm/ngrams.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lm.ngrams import PIECE, Counting, at

ORDER = 5  # characters of the longest n-grams
MOST_IN_TABLE = 100  # tokens of a table of pairs


def baselines(
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    vocab_size: int,
    tell: Callable[[float], object] | None = None,
) -> dict[str, float]:
    """Validation loss, in nats per character, of "uniform", "unigram", "bigram" and "5-gram".

    train_ids (N,) and validation_ids (M,) are integers from 0 to vocab_size - 1, neither empty. Each
    character is predicted from those before it in its split. Memory is proportional to N + M + V, not to the
    V² possible pairs. tell: called with the share that is done, 0 to 1.
    """
    train, validation = np.asarray(train_ids, np.int64), np.asarray(validation_ids, np.int64)
    if not len(train) or not len(validation):
        raise ValueError("baselines need a train split and a validation split that are not empty")
    counting = Counting(train, vocab_size, keep_numbers=False)
    unigram = unigram_table(train, vocab_size)
    # No character precedes the first. In a text of one character there are no pairs at all.
    bigram = (len(validation) - 1) * np.log(vocab_size) - np.log(unigram[validation[0]])
    for n in range(min(ORDER, len(train))):
        counting.count_next_length(tell and partial(_tell_part, tell, n))
        if n == 1:
            bigram = _bigram_losses(counting, validation) - np.log(unigram[validation[0]])
    return {
        "uniform": float(np.log(vocab_size)),
        "unigram": float(-np.log(unigram[validation]).mean()),
        "bigram": float(bigram / len(validation)),
        "5-gram": counting.loss(validation),
    }


def _tell_part(tell: Callable[[float], object], n: int, share: float) -> None:
    """Tell the share of all lengths that is done, from the share of length n + 1."""
    tell((n + share) / ORDER)


def unigram_table(train_ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """(V,) the probability of each character; one is added to each count."""
    counts = np.bincount(train_ids, minlength=vocab_size) + 1.0
    return counts / counts.sum()


def _bigram_losses(counting: Counting, validation: np.ndarray) -> float:
    """The sum of -ln p(b | a) over the pairs of a text, with one added to the count of each possible pair."""
    pairs, V = counting.counts[1], counting.vocab_size
    # How often each character begins a pair, with the ones that are added.
    totals = np.bincount(pairs.keys // V, pairs.counts, pairs.contexts) + V
    total = 0.0
    for a in range(0, len(validation) - 1, PIECE):
        _, first, both = counting.numbers_in(validation[a : a + PIECE + 1])
        p = (at(both, pairs.counts, unseen=0) + 1) / at(first[:-1], totals, unseen=V)
        total -= np.log(p).sum()
    return total


@dataclass(frozen=True)
class Pairs:
    """What follows each of the K most frequent tokens of a text, counted.

    ids: (K,) these tokens, ascending. table: (K, K), row a, column b is p(ids[b] | ids[a]); the neural bigram
    model learns it by gradient descent. The rows sum to 1 only if these are all tokens of the vocabulary.
    """

    ids: np.ndarray
    table: np.ndarray

    def most_frequent(self, most: int = MOST_IN_TABLE) -> "Pairs":
        """Those of the `most` tokens with the highest mean probability after the others."""
        kept = np.sort(np.argsort(-self.table.mean(axis=0), kind="stable")[:most])
        return Pairs(self.ids[kept], self.table[np.ix_(kept, kept)])


def frequent_pairs(train_ids: np.ndarray, vocab_size: int, most: int = MOST_IN_TABLE) -> Pairs:
    """The pairs of the `most` most frequent tokens; one is added to the count of each of V² possible pairs.

    A table of all V² pairs would take gigabytes for the characters of Chinese; nobody could read it either.
    """
    train = np.asarray(train_ids, np.int64)
    frequency = np.bincount(train, minlength=vocab_size)
    ids = np.sort(np.argsort(-frequency, kind="stable")[:most])
    K = len(ids)
    place = np.full(vocab_size, K)  # all other tokens share the last place
    place[ids] = np.arange(K)
    counts = np.zeros((K + 1) ** 2, np.int64)
    for a in range(0, len(train) - 1, PIECE):
        places = place[train[a : a + PIECE + 1]]
        counts += np.bincount(places[:-1] * (K + 1) + places[1:], minlength=(K + 1) ** 2)
    rows = counts.reshape(K + 1, K + 1)[:K]
    return Pairs(ids, (rows[:, :K] + 1) / (rows.sum(axis=1, keepdims=True) + vocab_size))
