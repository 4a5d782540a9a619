"""What each idea bought: the difference of two losses that can be compared, as a reader would work it out."""

from lm.wording import decimals_of
from playground.runs.gains import Result, bought, fairly, gains

LOSSES = {
    "ngram": 1.52,
    "bigram": 2.5,
    "single_head_attention": 2.2,
    "multi_head_attention": 2.0,
    "single_block_transformer": 2.05,
}


def test_what_each_idea_bought_is_the_difference_of_two_losses():
    assert bought(LOSSES) == (
        "Looking back bought 0.30, looking for several things bought 0.20, thinking about it and keeping the "
        "input cost 0.05 nats. Counting, 1.52, is still better."
    )
    assert bought(LOSSES | {"decoder_transformer": 1.4}).endswith(
        "The best network is 0.12 below counting."
    )
    assert bought({"bigram": 2.5}) == ""


def test_a_model_that_is_missing_takes_no_idea_s_credit():
    """Without the single head, several heads would seem to have bought both ideas."""
    losses = {name: loss for name, loss in LOSSES.items() if name != "single_head_attention"}
    assert list(gains(losses)) == ["single_block_transformer"]
    assert "looking for several things" not in bought(losses)


def test_losses_that_differ_are_written_so_that_they_differ():
    assert decimals_of([1.52, 2.4]) == 2
    assert decimals_of([1.5198, 1.5241]) == 3
    assert decimals_of([1.5198, 1.5203]) == 4
    assert decimals_of([1.5, 1.5, float("nan")]) == 2
    assert decimals_of([0.0001, 0.0031]) == 4  # and from 0, which a loss never reaches
    close = {"bigram": 2.5, "single_head_attention": 2.4962, "ngram": 2.4962}
    assert bought(close) == "Looking back bought 0.004 nats. Counting, 2.496, is still level."


def test_a_gain_is_the_difference_of_the_losses_beside_it():
    """2.4449 and 2.2051 are shown as 2.44 and 2.21; their difference rounds to 0.24."""
    assert bought({"bigram": 2.4449, "single_head_attention": 2.2051}).startswith(
        "Looking back bought 0.23"
    )


def test_budgets_that_differ_are_told_and_not_compared():
    used = {"ngram": 900, "bigram": 1.2, "single_head_attention": 5.5, "multi_head_attention": 4.8}
    found = {name: Result(LOSSES[name], seconds) for name, seconds in used.items()}
    fair, told = fairly(found, in_tokens=False)
    assert fair == ["ngram", "single_head_attention", "multi_head_attention"]
    assert told == "Each network trained for 4.8 to 5.5 s. Not compared: bigram (1.2 s)."
    assert fairly({"ngram": found["ngram"]}, in_tokens=False) == (["ngram"], "")


def test_equal_tokens_are_told_as_one_number():
    found = {name: Result(2.0, 400_000) for name in ("bigram", "single_head_attention")}
    assert fairly(found, in_tokens=True)[1] == "Each network trained on 400,000 tokens."
    found["bigram"] = Result(2.0, 100_000)
    assert fairly(found, in_tokens=True)[1].endswith(": single head (400,000 tokens).")
