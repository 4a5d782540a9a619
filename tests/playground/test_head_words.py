"""A head in words: each sentence holds what the weights say, and each term is explained."""

import math

import numpy as np
import pytest

from lm.inside.head_patterns import places
from playground.figures.head_words import KINDS, head_words

TEXT = list("What news, my lord?\nThe king is come again.")
LENGTH = len(TEXT)
CAUSAL = np.tril(np.ones((LENGTH, LENGTH), dtype=bool))
EVEN = CAUSAL / CAUSAL.sum(axis=1, keepdims=True)
BEFORE = np.eye(LENGTH, k=-1) + np.eye(LENGTH) * (np.arange(LENGTH) == 0)


def said(*arguments):
    return "".join(words for words, _ in head_words(*arguments))


def test_a_favourite_is_named_with_its_share_and_how_often():
    assert said(BEFORE, TEXT, CAUSAL) == (
        f"looks at the token before (100%; first choice in {LENGTH - 1} of {LENGTH - 1} rows); "
        "mean distance 1.0, entropy 0.0 nats."
    )


def test_a_head_without_one_is_said_to_have_none():
    entropy = np.log(np.arange(2, LENGTH + 1)).mean()
    distance = np.arange(1, LENGTH).mean() / 2
    assert said(EVEN, TEXT, CAUSAL) == (
        f"has no clear favourite; mean distance {distance:.1f}, entropy {entropy:.1f} nats."
    )


def test_the_induction_score_stands_beside_that_of_even_attention():
    assert said(EVEN, TEXT, CAUSAL, (0.413, 0.02)).endswith("nats, induction score 0.41.")
    explained = dict(head_words(EVEN, TEXT, CAUSAL, (0.413, 0.02)))["induction score 0.41"]
    assert "0.02 one that looks evenly" in explained


def test_every_kind_of_place_has_words_and_every_term_one_or_two_plain_sentences():
    assert KINDS.keys() == places(TEXT).keys()
    terms = [*KINDS.values(), *head_words(EVEN, TEXT, CAUSAL, (0.1, 0.02))]
    explanations = [means for _, means in terms if means]
    assert len(explanations) == len(KINDS) + 4  # no favourite, distance, entropy, induction
    assert all(means.endswith(".") and means.count(". ") <= 1 for means in explanations)


def test_the_words_follow_the_mask_that_is_given():
    """A head that looks one position ahead, where no causal mask would let it."""
    mask = np.eye(LENGTH, dtype=bool) | np.eye(LENGTH, k=1, dtype=bool)
    ahead = np.eye(LENGTH, k=1) + np.eye(LENGTH) * (np.arange(LENGTH) == LENGTH - 1)
    told = f"looks at the token after (100%; first choice in {LENGTH - 1} of {LENGTH - 1} rows)"
    assert said(ahead, TEXT, mask) == f"{told}; mean distance 1.0, entropy 0.0 nats."
    assert f"entropy {math.log(2):.1f} nats" in said(mask / mask.sum(1, keepdims=True), TEXT, mask)


@pytest.mark.parametrize("mask", [np.ones((1, 1), dtype=bool), np.eye(5, dtype=bool)])
def test_a_mask_that_leaves_no_choice_is_said_to(mask):
    assert said(mask.astype(float), TEXT[: len(mask)], mask).startswith("has no choice")
