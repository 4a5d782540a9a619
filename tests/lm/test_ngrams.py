"""Counting baselines: against a slow textbook version, against published figures, and as probabilities."""

import math
import os
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm import corpora, ngrams
from lm.ngrams import KneserNey
from lm.tokenizers import CharacterTokenizer

RHYME = "the rain in the lane and the pain of the train, again and again in the rain.\n" * 3


def encoded(text):
    tokenizer = CharacterTokenizer.from_text(text)
    return tokenizer.encode(text), tokenizer.vocab_size


class Textbook:
    """Modified Kneser-Ney with dictionaries and loops, straight from the formulas."""

    def __init__(self, ids, vocab_size, order):
        self.vocab_size, self.order = vocab_size, min(order, len(ids))
        grams = {
            n: Counter(tuple(ids[i : i + n]) for i in range(len(ids) - n + 1))
            for n in range(1, self.order + 1)
        }
        self.counts = {self.order: grams[self.order]}
        for n in range(1, self.order):
            self.counts[n] = Counter(gram[1:] for gram in grams[n + 1])  # types, not occurrences
        self.followers = {n: defaultdict(dict) for n in self.counts}
        for n, counts in self.counts.items():
            for gram, count in counts.items():
                self.followers[n][gram[:-1]][gram[-1]] = count
        self.discounts = {n: self.discount(counts) for n, counts in self.counts.items()}

    @staticmethod
    def discount(counts):
        n1, n2, n3, n4 = (sum(count == c for count in counts.values()) for c in (1, 2, 3, 4))
        found = [0.0, 0.5, 0.5, 0.5]
        if n1:
            y = n1 / (n1 + 2 * n2)
            for c, (n, more) in enumerate(((n1, n2), (n2, n3), (n3, n4)), start=1):
                if n and 0 < c - (c + 1) * y * more / n < c:
                    found[c] = c - (c + 1) * y * more / n
        return found

    def p(self, w, context):
        """p(w | the last characters of context)."""
        context = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        result = 1 / self.vocab_size
        for n in range(1, len(context) + 2):
            seen = self.followers[n].get(context[len(context) - n + 1 :])
            if seen:
                d = self.discounts[n]
                total = sum(seen.values())
                freed = sum(d[min(c, 3)] for c in seen.values())
                kept = max(seen.get(w, 0) - d[min(seen.get(w, 0), 3)], 0)
                result = kept / total + freed / total * result
        return result


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    text=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    order=st.integers(1, 7),
)
def test_it_is_the_textbook_and_every_context_sums_to_one(train, text, order):
    model, textbook = KneserNey.count(np.array(train), 5, order), Textbook(train, 5, order)
    expected = [textbook.p(w, text[:i]) for i, w in enumerate(text)]
    np.testing.assert_allclose(model.probabilities(np.array(text)), expected, rtol=1e-10)
    for end in range(len(text) + 1):
        p = model.next_probabilities(np.array(text[:end], np.int64))
        assert p.shape == (5,) and (p > 0).all()
        assert p.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(p, [textbook.p(w, text[:end]) for w in range(5)], rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 7])
def test_every_context_of_a_text_sums_to_one(order):
    ids, vocab_size = encoded(RHYME)
    model = KneserNey.count(ids, vocab_size, order)
    for end in range(len(ids)):
        p = model.next_probabilities(ids[:end])
        assert p.min() > 0 and p.sum() == pytest.approx(1, abs=1e-12)
        if end < 40:  # both ways of asking give the same answer
            assert model.probabilities(ids[: end + 1])[-1] == pytest.approx(p[ids[end]])


def test_discounts_by_hand():
    counts = np.array([1] * 10 + [2] * 5 + [3] * 3 + [4] * 2 + [9] * 7)
    y = 10 / 20
    expected = [0, 1 - 2 * y * 5 / 10, 2 - 3 * y * 3 / 5, 3 - 4 * y * 2 / 3]
    np.testing.assert_allclose(ngrams.discount(counts), expected)
    for odd in ([], [5, 6], [1], [2, 2], [1, 3, 3, 3], [0, 0]):
        d = ngrams.discount(np.array(odd, np.int64))
        assert d[0] == 0 and all(0 < d[c] < c for c in (1, 2, 3))


def test_kneser_ney_counts_contexts_not_occurrences():
    """In this text "u" is frequent but follows only "q"; behind a new letter "e" must be likelier."""
    ids, vocab_size = encoded("qu" * 50 + "aebecedefege" + "x")
    tokenizer = CharacterTokenizer.from_text("qu" * 50 + "aebecedefege" + "x")
    p = KneserNey.count(ids, vocab_size, 2).next_probabilities(tokenizer.encode("x"))
    u, e = tokenizer.encode("ue")
    assert p[e] > 2 * p[u]


def test_bigram_table_by_hand():
    table = ngrams.bigram_table(np.array([0, 1, 0, 1, 1]), 3)
    expected = [[1 / 5, 3 / 5, 1 / 5], [2 / 5, 2 / 5, 1 / 5], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(table, expected)


def test_baselines_by_hand():
    """train abab|b, validation ab: the numbers can be followed on paper."""
    found = ngrams.baselines(np.array([0, 1, 0, 1, 1]), np.array([0, 1]), 2, order=1)
    assert list(found) == ["uniform", "unigram", "bigram", "1-gram"]
    assert found["uniform"] == pytest.approx(math.log(2))
    assert found["unigram"] == pytest.approx(-(math.log(3 / 7) + math.log(4 / 7)) / 2)
    assert found["bigram"] == pytest.approx(-(math.log(3 / 7) + math.log(3 / 4)) / 2)


def test_the_bigram_is_its_table():
    ids, vocab_size = encoded(RHYME)
    train, validation = ids[:200], ids[200:]
    table = ngrams.bigram_table(train, vocab_size)
    after = -np.log(table[validation[:-1], validation[1:]]).sum()
    first = -np.log(ngrams.unigram_table(train, vocab_size)[validation[0]])
    found = ngrams.baselines(train, validation, vocab_size)["bigram"]
    assert found == pytest.approx((after + first) / len(validation))


@pytest.mark.parametrize(("train", "validation"), [([], [0]), ([0], [])])
def test_empty_splits_are_refused(train, validation):
    with pytest.raises(ValueError, match="not empty"):
        ngrams.baselines(np.array(train, np.int64), np.array(validation, np.int64), 2)


def test_tiny_texts_and_unseen_characters_have_finite_losses():
    for train in ([0], [0, 0], [1, 0, 1]):
        found = ngrams.baselines(np.array(train), np.array([0, 1, 2, 2]), 3)
        assert all(math.isfinite(loss) for loss in found.values())


def test_keys_do_not_overflow_for_large_alphabets_and_long_contexts():
    ids = np.random.default_rng(0).integers(0, 9_000, 3_000)
    model = KneserNey.count(np.concatenate([ids, ids]), 9_000, 7)
    p = model.probabilities(ids)
    assert np.isfinite(p).all() and p[10:].min() > 0.1  # it has read every one of these before
    assert model.next_probabilities(ids[:8]).sum() == pytest.approx(1)


def split(corpus):
    tokenizer = CharacterTokenizer.from_text(corpus.text)
    train, validation = map(tokenizer.encode, (corpus.train_text, corpus.validation_text))
    return train, validation, tokenizer.vocab_size


def test_longer_contexts_do_better_on_the_plays_and_never_reach_the_floor():
    corpus = corpora.load("synthetic_plays")
    train, validation, vocab_size = split(corpus)
    found = ngrams.baselines(train, validation, vocab_size)
    assert list(found) == ["uniform", "unigram", "bigram", "5-gram"]
    losses = [*found.values(), corpus.floor]
    assert losses == sorted(losses, reverse=True)
    assert found["5-gram"] < 2 * corpus.floor


def test_published_figures_on_tiny_shakespeare():
    """Order 3 to 7 and the simple counts, on the whole validation split (111,540 characters)."""
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    train, validation, vocab_size = split(corpora.load("tiny_shakespeare"))
    found = ngrams.baselines(train, validation, vocab_size)
    expected = {"uniform": 4.174, "unigram": 3.347, "bigram": 2.482, "5-gram": 1.561}
    assert found == pytest.approx(expected, abs=6e-4)
    for order, loss in {3: 2.038, 4: 1.719, 7: 1.517}.items():
        p = KneserNey.count(train, vocab_size, order).probabilities(validation)
        assert -np.log(p).mean() == pytest.approx(loss, abs=6e-4)
