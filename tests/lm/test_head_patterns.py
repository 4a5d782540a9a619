"""What a head looks at, by hand-made weights whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from lm.inside.head_patterns import favourite, induction, induction_score, places
from lm.ladder import RUNGS
from lm.layers.attention import SelfAttention
from lm.layers.masks import causal

TEXT = list("the cat\nthe hat\nIs it there, the cat?")
LENGTH = len(TEXT)
CAUSAL = np.tril(np.ones((LENGTH, LENGTH), dtype=bool))


def towards(wanted, mask=CAUSAL, share=1.0):
    """Weights that give `share` of each row to its wanted places, if it may see any, else all to itself."""
    wanted = wanted & mask
    even = mask / mask.sum(axis=1, keepdims=True)
    some = wanted.any(axis=1, keepdims=True)
    spread = np.divide(
        wanted, wanted.sum(axis=1, keepdims=True), where=some, out=np.zeros(mask.shape)
    )
    return np.where(some, share * spread + (1 - share) * even, np.eye(len(mask)))


@pytest.mark.parametrize(
    "kind", ["previous", "itself", "first", "line start", "same", "induction", "spaces", "recent"]
)
def test_a_head_that_looks_at_one_kind_of_place_is_found(kind):
    found = favourite(towards(places(TEXT)[kind]), TEXT, CAUSAL)
    assert found is not None and found.kind == kind
    assert found.share == pytest.approx(1.0)
    assert found.first == found.rows


@pytest.mark.parametrize(
    ("kind", "row", "columns"),
    [
        ("line start", 12, [8]),  # "h" of "hat", in the second line
        ("line start", 7, []),  # the first line begins where the text does: that is "first"
        ("line start", 8, [8]),
        ("same", 9, [1]),  # the "h" of the second "the"
        ("induction", 9, [2]),  # what followed the first "h"
        ("induction", 8, [1, 7]),  # what followed the two "t" before: "h", and the line break
        ("previous", 0, []),
    ],
)
def test_the_places_of_a_row(kind, row, columns):
    seen = np.flatnonzero(places(TEXT)[kind][row] & CAUSAL[row])
    assert seen.tolist() == columns


def test_how_often_is_counted_row_by_row():
    """The character before gets everything in half of the rows; the others look evenly."""
    weights = CAUSAL / CAUSAL.sum(axis=1, keepdims=True)
    half = np.arange(1, LENGTH) % 2 == 1
    rows = np.arange(1, LENGTH)[half]
    weights[rows] = np.eye(LENGTH)[rows - 1]
    found = favourite(weights, TEXT, CAUSAL)
    even = (1 / np.arange(2, LENGTH + 1))[~half]
    assert (found.kind, found.first, found.rows) == ("previous", len(rows), LENGTH - 1)
    assert found.share == pytest.approx((len(rows) + even.sum()) / (LENGTH - 1))


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_even_attention_has_no_favourite(share):
    assert favourite(towards(places(TEXT)["spaces"], share=share), TEXT, CAUSAL) is None


def test_places_that_the_mask_forbids_do_not_count():
    """Weights of forbidden places, which no model gives, must not speak."""
    ahead = np.eye(LENGTH, k=1)
    assert favourite(ahead + 1e-9, TEXT, CAUSAL) is None
    assert favourite(np.eye(1), ["a"], np.ones((1, 1), dtype=bool)) is None


# Induction


@pytest.mark.parametrize(("offset", "score"), [(-3, 1.0), (-4, 0.0), (-2, 0.0), (0, 0.0)])
def test_the_score_is_the_weight_on_what_followed_the_first_occurrence(offset, score):
    """Four tokens read twice: at row 4 + i the token of row i stands again, and row i + 1 followed it."""
    assert induction_score(np.eye(8, k=offset)) == score
    assert induction_score(0.25 * np.eye(8, k=offset)) == 0.25 * score


class Copying(nn.Module):
    """A model whose only head looks, at each token, at whatever followed its earlier occurrence.

    The query of a token is its own code, the key of a position is the code of the token before it.
    """

    def __init__(self, vocab_size, mask, sharpness):
        super().__init__()
        self.vocab_size, self.sharpness = vocab_size, sharpness
        self.attention = SelfAttention(2 * vocab_size, 1, mask)
        with torch.no_grad():
            own, before = torch.eye(2 * vocab_size).split(vocab_size)
            q = torch.cat([own, torch.zeros_like(own)])
            k = torch.cat([before, torch.zeros_like(before)])
            self.attention.query_key_value.weight.copy_(torch.cat([q, k, torch.zeros_like(q)]))

    def forward(self, tokens):
        own = nn.functional.one_hot(tokens, self.vocab_size).float()
        before = nn.functional.pad(own, (0, 0, 1, 0))[:, :-1]
        x = torch.cat([own, before], dim=-1) * self.sharpness
        return self.attention(x)[..., : self.vocab_size]


def test_a_head_that_copies_scores_one_and_an_even_one_as_chance():
    mask = causal(64)
    sharp = induction(Copying(40, mask, sharpness=40.0), 40, 64)
    assert sharp.scores.shape == (1, 1)
    assert sharp.scores[0, 0] == pytest.approx(1.0, abs=1e-3)
    even = induction(Copying(40, mask, sharpness=0.0), 40, 64)
    assert even.scores[0, 0] == pytest.approx(even.even[0], abs=1e-5)
    assert even.even[0] == pytest.approx((1 / np.arange(33, 65)).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("context_length", "vocab_size", "measured"), [(16, 40, True), (15, 40, False), (64, 7, False)]
)
def test_the_context_and_the_alphabet_must_hold_a_text_twice(
    context_length, vocab_size, measured, tiny_model
):
    model = tiny_model(RUNGS["decoder_transformer"], vocab_size, context_length=context_length)
    found = induction(model, vocab_size, context_length)
    assert (found is not None) == measured
    if measured:
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
