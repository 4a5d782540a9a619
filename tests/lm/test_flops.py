"""Operations of training, counted and by hand."""

import pytest

from lm.costs import flops
from lm.ladder import RUNGS


def test_a_decoder_by_hand():
    """Projections of attention 4 C², feed-forward 8 C², twice T C for scores and values, and the head."""
    C, T, L, V = 32, 16, 3, 65
    plan = RUNGS["decoder_transformer"].plan(n_embd=C, n_layer=L, context_length=T, n_head=2)
    of_token = L * (12 * C * C + 2 * T * C) + C * V
    assert flops.of_window(plan, V) == 2 * T * of_token


def test_a_bigram_by_hand():
    plan = RUNGS["bigram"].plan(n_embd=8, context_length=5)
    assert flops.of_window(plan, 65) == 2 * 5 * 8 * 65


@pytest.mark.parametrize("name", [name for name in RUNGS if name != "ngram"])
def test_training_is_three_forward_passes_of_every_window(name):
    plan = RUNGS[name].plan(steps=7, batch_size=5)
    window = flops.of_window(plan, 65)
    assert window > 0
    assert flops.of_training(plan, 65) == 3 * 7 * 5 * window
    assert flops.of_training(plan, 65, steps=2) == 3 * 2 * 5 * window


def test_counting_takes_no_products_of_matrices():
    assert flops.of_training(RUNGS["ngram"].plan(), 65) == 0


def test_it_grows_about_as_six_for_each_parameter_and_token():
    """Kaplan's estimate: attention is the rest, 8 % here, and the tables are none."""
    plan = RUNGS["decoder_transformer"].plan()
    tokens = plan.steps * 32 * 64
    assert flops.of_training(plan, 65) == pytest.approx(6 * 618_817 * tokens, rel=0.06)
