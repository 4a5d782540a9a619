"""Race the ladder: every model gets its run, the same budget, and a sentence from its own numbers."""

import time

import pytest

from lm.errors import Problem
from lm.ladder import RUNGS
from playground.runs.race import TOKENS, Race, Races
from playground.services import SHIPPED
from playground.tabs.ladder_data import ladder
from tests.playground.conftest import PATIENCE


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
    monkeypatch.setattr("playground.runs.race.TOKENS", 2_000)
    services = make_services()
    races = Races(services)
    own = services.texts.add(play.encode())
    key = races.begin(own, "tokens")
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
    told = races.state(key)
    assert "stopped" in told["words"], "what is half learned is not compared"
    assert told["gains"] == {}
    # The lines on its chart are of its own text, not of the included runs'.
    assert told["text"] == "Your own text"
    assert told["lines"]["counted pairs"] == services.texts.get(own).baselines["bigram"]


def test_a_race_tells_what_it_waits_for_and_can_be_stopped_meanwhile(make_services, monkeypatch):
    """On a fresh server nothing is timed yet; it waited up to 45 s without a word."""
    services = make_services()
    races = Races(services)
    known = {"bigram"}
    step = lambda plan, text: 0.01 if plan.rung.name in known else None  # noqa: E731
    monkeypatch.setattr(services.estimates, "step_seconds", step)
    key = races.begin("synthetic_plays", 5)

    def told(words):
        deadline = time.monotonic() + PATIENCE
        while words not in races.state(key)["words"]:
            assert time.monotonic() < deadline, races.state(key)
            time.sleep(0.05)
        return races.state(key)

    state = told("how many steps fit into 5 s: 1 of 5 known.")
    assert [entry["state"] for entry in state["entries"]] == ["waiting", "timed", *["timing"] * 4]
    monkeypatch.setattr(services.supervisor, "running", lambda: 1)
    told("Waiting for the runs in training to end")
    races.order(key, "stop")
    assert told("stopped before it began.")["done"]


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
    assert found["gains"]["single_head_attention"] == pytest.approx(gain, abs=0.01)
    assert (found["corpus"], found["text"]) == ("tiny_shakespeare", "Tiny Shakespeare")
    assert found["words"].startswith("In 3,000 steps each: ")
    assert list(found["lines"]) == ["knows nothing: 1 in 65", "counted pairs", "counted 5-grams"]
