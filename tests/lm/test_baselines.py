"""The losses of counting: by hand, against published figures, and within bounded memory."""

import math
import os
import tracemalloc

import numpy as np
import pytest

from lm import baselines, corpora, ngrams
from lm.tokenizers import CharacterTokenizer


def test_pairs_by_hand():
    pairs = baselines.frequent_pairs(np.array([0, 1, 0, 1, 1]), 3)
    expected = [[1 / 5, 3 / 5, 1 / 5], [2 / 5, 2 / 5, 1 / 5], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(pairs.table, expected)
    assert pairs.ids.tolist() == [0, 1, 2]


def test_of_a_large_alphabet_the_most_frequent_tokens_are_shown(monkeypatch):
    """A part of the table of all pairs, also when the text is read in pieces."""
    ids = np.random.default_rng(0).choice(40, 5000, p=np.arange(1, 41) / 820)
    whole = baselines.frequent_pairs(ids, 50)
    frequent = np.sort(np.argsort(np.bincount(ids, minlength=50))[-7:])
    monkeypatch.setattr(baselines, "PIECE", 64)
    pairs = baselines.frequent_pairs(ids, 50, most=7)
    np.testing.assert_array_equal(pairs.ids, frequent)
    np.testing.assert_array_equal(pairs.table, whole.table[np.ix_(frequent, frequent)])
    assert whole.table.sum(axis=1) == pytest.approx(1)


def test_baselines_by_hand():
    """train abab|b, validation ab: the numbers can be followed on paper."""
    found = baselines.baselines(np.array([0, 1, 0, 1, 1]), np.array([0, 1]), 2)
    assert list(found) == ["uniform", "unigram", "bigram", "5-gram"]
    assert found["uniform"] == pytest.approx(math.log(2))
    assert found["unigram"] == pytest.approx(-(math.log(3 / 7) + math.log(4 / 7)) / 2)
    assert found["bigram"] == pytest.approx(-(math.log(3 / 7) + math.log(3 / 4)) / 2)


def test_the_bigram_is_its_table():
    train, validation = np.split(np.random.default_rng(0).integers(0, 9, 300), [200])
    p = baselines.frequent_pairs(train, 10).table[validation[:-1], validation[1:]]
    first = baselines.unigram_table(train, 10)[validation[0]]
    found = baselines.baselines(train, validation, 10)["bigram"]
    assert found == pytest.approx(-(np.log(p).sum() + np.log(first)) / len(validation))


@pytest.mark.parametrize(("train", "validation"), [([], [0]), ([0], [])])
def test_empty_splits_are_refused(train, validation):
    with pytest.raises(ValueError, match="not empty"):
        baselines.baselines(np.array(train, np.int64), np.array(validation, np.int64), 2)


def test_tiny_texts_and_unseen_characters_have_finite_losses():
    for train in ([0], [0, 0], [1, 0, 1]):
        found = baselines.baselines(np.array(train), np.array([0, 1, 2, 2]), 3)
        assert all(math.isfinite(loss) for loss in found.values())


def test_a_large_alphabet_needs_no_table_of_pairs():
    """200,000 characters of an alphabet of 5,000: a (V, V) table of numbers would take 200 MB."""
    ids = np.random.default_rng(0).integers(0, 5_000, 200_000)
    tracemalloc.start()
    found = baselines.baselines(ids[:180_000], ids[180_000:], 5_000)
    baselines.frequent_pairs(ids, 5_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6  # bytes
    assert found["5-gram"] == pytest.approx(found["uniform"], abs=0.1)  # characters at random


def test_memory_does_not_grow_with_the_text_by_much(monkeypatch):
    """Beside the ids, 16 bytes a character: as many as the numbers of n-grams take, in pieces of 4,000."""
    monkeypatch.setattr(ngrams, "PIECE", 4000)
    monkeypatch.setattr(baselines, "PIECE", 4000)
    ids = np.random.default_rng(0).integers(0, 3, 1_000_000)
    tracemalloc.start()
    baselines.baselines(ids[:900_000], ids[900_000:], 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6


def split(corpus):
    tokenizer = CharacterTokenizer.from_text(corpus.text)
    train, validation = map(tokenizer.encode, (corpus.train_text, corpus.validation_text))
    return train, validation, tokenizer.vocab_size


def test_longer_contexts_do_better_on_the_plays_and_never_reach_the_floor():
    corpus = corpora.load("synthetic_plays")
    train, validation, vocab_size = split(corpus)
    found = baselines.baselines(train, validation, vocab_size)
    losses = [*found.values(), corpus.floor]
    assert losses == sorted(losses, reverse=True)
    assert found["5-gram"] < 2 * corpus.floor


def test_published_figures_on_tiny_shakespeare():
    """Order 3 to 7 and the simple counts, on the whole validation split (111,540 characters)."""
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    train, validation, vocab_size = split(corpora.load("tiny_shakespeare"))
    found = baselines.baselines(train, validation, vocab_size)
    expected = {"uniform": 4.174387, "unigram": 3.347330, "bigram": 2.481922, "5-gram": 1.561185}
    assert found == pytest.approx(expected, abs=1e-6)
    for order, loss in {3: 2.038, 4: 1.719, 7: 1.517}.items():
        found = ngrams.count(train, vocab_size, order).loss(validation)
        assert found == pytest.approx(loss, abs=6e-4)
