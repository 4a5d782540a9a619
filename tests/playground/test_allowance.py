"""Runs that are refused before they start: too large, too long, or too many of one visitor."""

import pytest

from lm.errors import SettingsProblem
from playground.serving.allowance import Allowance
from playground.serving.limits import Limits
from playground.serving.visitors import Visitor
from playground.tabs.actions import Actions
from tests.playground.answers import assert_one_sentence, refusal

ME, OTHER = Visitor("a" * 22, "1.2.3.4"), Visitor("b" * 22, "5.6.7.8")


@pytest.fixture
def allowance(tmp_path):
    """`allowance(run_steps=5)`: of a page on one core with these limits."""
    return lambda **limits: Allowance(Limits(**limits), 1, "cpu", tmp_path)


def test_a_run_of_more_steps_or_seconds_than_allowed_is_refused(allowance, decoder, tiny_plan):
    plan = tiny_plan(decoder, steps=1000)
    allowance().check_length(plan, 65, 1e9)  # no limit
    allowance(run_steps=1000, run_seconds=120).check_length(plan, 65, 119.0)
    with pytest.raises(SettingsProblem, match="up to 999 steps, not 1,000"):
        allowance(run_steps=999).check_length(plan, 65, None)
    with pytest.raises(SettingsProblem, match="would take 2 min 1 s or more"):
        allowance(run_seconds=120).check_length(plan, 65, 121.0)


@pytest.mark.parametrize("seconds", [None, float("nan")])
def test_a_run_of_unknown_time_is_judged_by_its_work(allowance, decoder, tiny_plan, seconds):
    """Posted straight, a run has never been timed: that is no way round the limit."""
    allowance(run_seconds=60).check_length(tiny_plan(decoder), 65, seconds)
    large = decoder.plan(n_embd=512, n_head=8, n_layer=8, context_length=512, steps=20_000)
    with pytest.raises(SettingsProblem, match="or more"):
        allowance(run_seconds=3600).check_length(large, 65, seconds)


@pytest.mark.parametrize("how", ["train", "step", "reset"])
def test_a_run_that_does_not_fit_leaves_nothing(make_services, decoder, play, tiny_values, how):
    services = make_services(limits=Limits(run_megabytes=1000))
    actions, text = Actions(decoder, services), services.texts.add(play.encode())
    values = tiny_values(decoder, n_embd=512, n_layer=12, n_head=8, batch_size=512)
    sentence = refusal(actions.begin([how, None, text, *values]))
    assert_one_sentence(sentence)
    assert "1.0 GB are allowed" in sentence
    assert not list(services.library.runs_folder.glob("*/run.json"))
    assert list(actions.estimate([text, *values]).values()) == [sentence]  # nor is it timed


def test_one_visitor_cannot_fill_the_queue(make_services, decoder, play, tiny_values):
    """215 Trains in 6 s, and 22 runs of 1,000,000 steps, kept everybody else waiting."""
    services = make_services(cores=1, limits=Limits(visitor_running=1, visitor_queued=2))
    actions, text = Actions(decoder, services), services.texts.add(play.encode())
    asked = ["train", None, text, *tiny_values(decoder, steps=100_000)]
    begun = [actions.begin(asked, ME) for _ in range(5)]
    assert ["error" in answer for answer in begun] == [False, False, False, True, True]
    assert_one_sentence(begun[-1]["error"])
    assert "error" not in actions.begin(asked, OTHER)
