"""Race the ladder: every model gets its run, the same budget, and a sentence from its own numbers."""

import time

import pytest

from lm.errors import Problem
from lm.ladder import RUNGS
from playground.ladder_data import ladder
from playground.race import TOKENS, Race, Races, bought
from playground.services import SHIPPED
from tests.playground.conftest import PATIENCE


def test_what_each_idea_bought_is_the_difference_of_two_losses():
    losses = {
        "ngram": 1.52,
        "bigram": 2.5,
        "single_head_attention": 2.2,
        "multi_head_attention": 2.0,
        "single_block_transformer": 2.05,
    }
    assert bought(losses) == (
        "Looking back bought 0.30, looking for several things bought 0.20, thinking about it and keeping the "
        "input cost 0.05 nats. Counting, 1.52, is still better."
    )
    assert bought(losses | {"decoder_transformer": 1.4}).endswith(
        "The best network is 0.12 below counting."
    )
    assert bought({"bigram": 2.5}) == ""


def test_equal_tokens_are_equal_to_a_batch(services):
    races = Races(services)
    race = Race("synthetic_plays", TOKENS, in_tokens=True, visitor=None)
    for rung in RUNGS.values():
        if "steps" in rung.settings():
            plan = races._plan(race, rung)
            each = plan.tokens_per_step(1)
            assert abs(plan.steps * each - TOKENS) <= each
            assert 4 <= -(-plan.steps // plan.evaluate_every) <= 5


def test_a_race_runs_every_model_and_can_be_stopped(make_services, monkeypatch, play):
    monkeypatch.setattr("playground.race.TOKENS", 2_000)
    services = make_services()
    races = Races(services)
    key = races.begin(services.texts.add(play.encode()), "tokens")
    deadline = time.monotonic() + PATIENCE
    while any(entry["run"] is None for entry in races.state(key)["entries"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    entries = races.state(key)["entries"]
    assert [entry["model"] for entry in entries] == list(RUNGS)
    races.order(key, "pause")
    races.order(key, "resume")
    races.order(key, "stop")
    while not races.state(key)["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for entry in entries:
        assert services.library.answer(entry["run"])["status"] in ("stopped", "finished")
    assert "stopped" in races.state(key)["words"], "what is half learned is not compared"


@pytest.mark.parametrize("budget", [7, None, "all", [5]])
def test_another_budget_is_refused(services, budget):
    with pytest.raises(Problem, match="5, 20 or 60 seconds"):
        Races(services).begin("synthetic_plays", budget)


def test_a_race_that_is_not_here_says_so(services):
    races = Races(services)
    assert "no longer here" in races.state("x")["error"]
    races.order("x", "stop")


def test_the_start_tab_shows_the_included_runs(make_services):
    services = make_services()
    services.library.shipped_folder = SHIPPED
    found = ladder(services.library)
    assert [model["key"] for model in found["models"]] == list(RUNGS)
    losses = {model["key"]: model["loss"] for model in found["models"]}
    for model in found["models"]:
        curve = model["curve"]
        assert min(curve["loss"]) == pytest.approx(losses[model["key"]], abs=1e-4)
        assert len({len(column) for column in curve.values()}) == 1
        assert model["writes"] and model["idea"]
    gain = losses["bigram"] - losses["single_head_attention"]
    assert found["models"][2]["gain"] == pytest.approx(gain)
    assert list(found["lines"]) == ["knows nothing: 1 in 65", "counted pairs", "counted 5-grams"]
