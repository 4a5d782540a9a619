"""The loss in words: a sentence that the numbers on the screen do not contradict."""

import math

import pytest

from playground.figures.loss_words import summary

BASELINES = {"uniform": math.log(65), "unigram": 3.35, "bigram": 2.48, "5-gram": 1.56}


def told(losses, train=None, **more):
    """The sentence of a run judged every 100 steps; train: the last loss on training text."""
    steps = list(range(0, 100 * len(losses), 100))
    columns = {"step": steps, "loss": losses, "train": [None] * (len(losses) - 1) + [train]}
    return summary(validation=columns, baselines=BASELINES, **more)


def test_it_says_where_the_run_stands():
    text = told([4.2, 2.6, 2.1, 1.71], train=1.64)
    assert text.startswith("Validation loss 1.71 and falling; it passed the bigram by step 200;")
    assert "; the 5-gram is still better, 1.56;" in text
    assert text.endswith("on training text 1.64: no sign of overfitting.")


@pytest.mark.parametrize(
    ("losses", "train", "passes", "said"),
    [
        # The first pass: no verdict.
        ([4.2, 2.0, 1.9], 1.4, 0.6, "which it has not yet read to its end."),
        ([4.2, 1.6, 1.75], 1.2, 9, "on training text 1.20: it is overfitting."),  # it has risen
        # It falls no more.
        ([4.2, 1.6, 1.6, 1.6], 1.3, 9, "on training text 1.30: it is overfitting."),
        ([4.2, 1.8, 1.7, 1.6], 1.3, 9, "on training text 1.30."),  # it falls: no verdict
        ([4.2, 1.6, 1.61, 1.6], 1.55, 9, "on training text 1.55: no sign of overfitting."),
        ([4.2, 2.6], 2.7, 2, "on training text 2.70: no sign of overfitting."),
    ],
)
def test_the_verdict_of_overfitting(losses, train, passes, said):
    assert told(losses, train, passes=passes).endswith(said)


def test_of_an_older_run_nothing_is_said_of_the_training_text():
    assert "training text" not in told([4.2, 1.6, 1.75])


def test_without_a_mask_the_loss_means_nothing():
    text = told([4.2, 0.05], train=0.04, sees_answers=True)
    assert "reads its own answer" in text and "0.05 means nothing" in text
    assert "passed" not in text


@pytest.mark.parametrize(
    ("loss", "train", "said"),
    [
        (1.563, 1.42, ["Validation loss 1.563 ", "the 5-gram is still better, 1.560;"]),
        (1.56001, 1.42, ["Validation loss 1.56 ", "it is level with the 5-gram, 1.56;"]),
        (1.7124, 1.7119, ["Validation loss 1.7124 ", "on training text 1.7119"]),
        (1.71, 1.64, ["Validation loss 1.71 ", "on training text 1.64"]),
    ],
)
def test_losses_that_differ_have_enough_digits_to_differ(loss, train, said):
    """Two numbers that are shown alike must not be told apart, nor two that differ be shown alike."""
    text = told([4.2, loss], train)
    assert all(part in text for part in said), text


def test_a_run_that_ran_away_is_worse_than_guessing_and_no_case_of_overfitting():
    """A loss of 780 is far above the train loss, too, but memorises nothing."""
    text = told([4.19, 2.31, 780.0], train=500.0, ended=True)
    assert text.startswith(
        "Validation loss ended at 780.00, up from its best, 2.31 at step 100; "
        "it has run away: to guess costs 4.17;"
    )
    assert "overfitting" not in text
    assert "run away" not in told([4.3])


def test_before_anything_was_measured():
    assert summary(validation={}) == "Nothing measured yet."
    assert "3.20" in summary(validation={}, train_now=3.2)
