"""Counting: against a slow textbook version, against published figures, and within bounded memory."""

import math
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm import corpora, ngrams
from lm.tokenizers import CharacterTokenizer
from tests.lm.textbook_kneser_ney import Textbook


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    text=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    order=st.integers(1, 7),
)
def test_probabilities_are_the_textbooks(train, text, order):
    """Also of the character 4, which the counted text never has, and of that text itself."""
    counting, textbook = ngrams.count(np.array(train), 5, order), Textbook(train, 5, order)
    for ids, found in (
        (text, counting.probabilities(np.array(text))),
        (train, counting.probabilities()),
    ):
        expected = [textbook.p(w, ids[:i]) for i, w in enumerate(ids)]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_counting_on_equals_counting_at_once():
    """Each new length turns the occurrences of the one before into numbers of preceding characters."""
    ids = np.random.default_rng(0).integers(0, 4, 300)
    counting = ngrams.Counting(ids, 4)
    for order in range(1, 6):
        counting.count_next_length()
        again = ngrams.count(ids, 4, order)
        for one, other in zip(counting.counts, again.counts, strict=True):
            np.testing.assert_array_equal(one.keys, other.keys)
            np.testing.assert_array_equal(one.counts, other.counts)
        assert counting.loss() == pytest.approx(counting.loss(ids))


def test_discounts_by_hand():
    counts = np.array([1] * 10 + [2] * 5 + [3] * 3 + [4] * 2 + [9] * 7)
    y = 10 / 20
    expected = [0, 1 - 2 * y * 5 / 10, 2 - 3 * y * 3 / 5, 3 - 4 * y * 2 / 3]
    np.testing.assert_allclose(ngrams.discounts(counts), expected)
    for odd in ([], [5, 6], [1], [2, 2], [1, 3, 3, 3], [0, 0]):
        d = ngrams.discounts(np.array(odd, np.int64))
        assert d[0] == 0 and all(0 < d[c] < c for c in (1, 2, 3))


def test_kneser_ney_counts_contexts_not_occurrences():
    """In this text "u" is frequent but follows only "q"; after a new letter "e" must be likelier."""
    text = "qu" * 50 + "aebecedefege" + "x"
    tokenizer = CharacterTokenizer.from_text(text)
    counting = ngrams.count(tokenizer.encode(text), tokenizer.vocab_size, order=2)
    e, u = (counting.probabilities(tokenizer.encode(pair))[-1] for pair in ("xe", "xu"))
    assert e > 2 * u


def test_bigram_table_by_hand():
    table = ngrams.bigram_table(np.array([0, 1, 0, 1, 1]), 3)
    expected = [[1 / 5, 3 / 5, 1 / 5], [2 / 5, 2 / 5, 1 / 5], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(table, expected)


def test_baselines_by_hand():
    """train abab|b, validation ab: the numbers can be followed on paper."""
    found = ngrams.baselines(np.array([0, 1, 0, 1, 1]), np.array([0, 1]), 2)
    assert list(found) == ["uniform", "unigram", "bigram", "5-gram"]
    assert found["uniform"] == pytest.approx(math.log(2))
    assert found["unigram"] == pytest.approx(-(math.log(3 / 7) + math.log(4 / 7)) / 2)
    assert found["bigram"] == pytest.approx(-(math.log(3 / 7) + math.log(3 / 4)) / 2)


def test_the_bigram_is_its_table():
    train, validation = np.split(np.random.default_rng(0).integers(0, 9, 300), [200])
    p = ngrams.bigram_table(train, 10)[validation[:-1], validation[1:]]
    first = ngrams.unigram_table(train, 10)[validation[0]]
    found = ngrams.baselines(train, validation, 10)["bigram"]
    assert found == pytest.approx(-(np.log(p).sum() + np.log(first)) / len(validation))


@pytest.mark.parametrize(("train", "validation"), [([], [0]), ([0], [])])
def test_empty_splits_are_refused(train, validation):
    with pytest.raises(ValueError, match="not empty"):
        ngrams.baselines(np.array(train, np.int64), np.array(validation, np.int64), 2)


def test_tiny_texts_and_unseen_characters_have_finite_losses():
    for train in ([0], [0, 0], [1, 0, 1]):
        found = ngrams.baselines(np.array(train), np.array([0, 1, 2, 2]), 3)
        assert all(math.isfinite(loss) for loss in found.values())


def test_a_large_alphabet_needs_no_table_of_pairs():
    """200,000 characters of an alphabet of 5,000: a (V, V) table of numbers would take 200 MB."""
    ids = np.random.default_rng(0).integers(0, 5_000, 200_000)
    tracemalloc.start()
    found = ngrams.baselines(ids[:180_000], ids[180_000:], 5_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6  # bytes
    assert found["5-gram"] == pytest.approx(found["uniform"], abs=0.1)  # characters at random


def test_keys_do_not_overflow_for_large_alphabets_and_long_contexts():
    ids = np.random.default_rng(0).integers(0, 9_000, 3_000)
    p = ngrams.count(np.concatenate([ids, ids]), 9_000, 7).probabilities(ids)
    assert np.isfinite(p).all() and p[10:].min() > 0.1  # it has read every one of these before


def split(corpus):
    tokenizer = CharacterTokenizer.from_text(corpus.text)
    train, validation = map(tokenizer.encode, (corpus.train_text, corpus.validation_text))
    return train, validation, tokenizer.vocab_size


def test_longer_contexts_do_better_on_the_plays_and_never_reach_the_floor():
    corpus = corpora.load("synthetic_plays")
    train, validation, vocab_size = split(corpus)
    found = ngrams.baselines(train, validation, vocab_size)
    losses = [*found.values(), corpus.floor]
    assert losses == sorted(losses, reverse=True)
    assert found["5-gram"] < 2 * corpus.floor


def test_published_figures_on_tiny_shakespeare():
    """Order 3 to 7 and the simple counts, on the whole validation split (111,540 characters)."""
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    train, validation, vocab_size = split(corpora.load("tiny_shakespeare"))
    found = ngrams.baselines(train, validation, vocab_size)
    expected = {"uniform": 4.174387, "unigram": 3.347330, "bigram": 2.481922, "5-gram": 1.561185}
    assert found == pytest.approx(expected, abs=1e-6)
    for order, loss in {3: 2.038, 4: 1.719, 7: 1.517}.items():
        found = ngrams.count(train, vocab_size, order).loss(validation)
        assert found == pytest.approx(loss, abs=6e-4)
