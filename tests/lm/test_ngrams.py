"""Counting: against a slow textbook version, by hand, and in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm import ngrams
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


def test_a_text_counted_in_pieces_has_the_counts_of_the_whole(monkeypatch):
    """Pieces of a hundred characters, where a table and where sorting finds the different n-grams."""
    for vocab_size in (3, 500):
        ids = np.random.default_rng(0).integers(0, vocab_size, 1017)
        whole = ngrams.count(ids, vocab_size, 5)
        losses = whole.loss(), whole.loss(ids[400:])
        monkeypatch.setattr(ngrams, "PIECE", 100)
        pieces = ngrams.count(ids, vocab_size, 5)
        for one, other in zip(pieces.counts, whole.counts, strict=True):
            np.testing.assert_array_equal(one.keys, other.keys)
            np.testing.assert_array_equal(one.counts, other.counts)
        for numbers, same in zip(pieces.numbers, whole.numbers, strict=True):
            np.testing.assert_array_equal(numbers, same)
        assert (pieces.loss(), pieces.loss(ids[400:])) == pytest.approx(losses, rel=1e-12)
        monkeypatch.undo()


def test_the_share_that_is_counted_is_told(monkeypatch):
    monkeypatch.setattr(ngrams, "PIECE", 100)
    told = []
    ngrams.Counting(np.zeros(1000, np.int64), 2).count_next_length(told.append)
    assert told == sorted(told) and len(told) == 20 and told[-1] == 1


def test_keys_do_not_overflow_for_large_alphabets_and_long_contexts():
    ids = np.random.default_rng(0).integers(0, 9_000, 3_000)
    p = ngrams.count(np.concatenate([ids, ids]), 9_000, 7).probabilities(ids)
    assert np.isfinite(p).all() and p[10:].min() > 0.1  # it has read every one of these before
