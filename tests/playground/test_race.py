"""Race the ladder: every model gets its run, the same budget, and a sentence from its own numbers."""

import threading
import time

import pytest

from lm.errors import Problem
from lm.ladder import RUNGS, text_models
from lm.runs.lock import WriterLock
from lm.runs.run import open_run
from playground.runs.race import TOKENS, Race, Races
from playground.services import SHIPPED
from playground.tabs.ladder_data import ladder
from playground.training.fitting import fitted
from tests.playground.conftest import PATIENCE


def test_equal_tokens_are_equal_to_a_batch(services):
    races = Races(services)
    race = Race("synthetic_plays", TOKENS, in_tokens=True, visitor=None)
    for rung in text_models().values():
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
    assert [entry["model"] for entry in entries] == list(text_models())
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


def test_a_race_on_pieces_tells_them_and_counts_characters(make_services, play):
    """The lines of counting are of characters, whatever the tokens: 1 in 59, not 1 in 300."""
    services = make_services()
    races, own = Races(services), services.texts.add(play.encode())
    key = races.begin(own, "tokens", cut="bpe:300")
    told = races.state(key)
    assert told["text"] == "Your own text in pieces (BPE 300)"
    assert f"knows nothing: 1 in {len(set(play))}" in told["lines"]
    race = races._races[key]
    for entry in race.entries:
        plan = races._plan(race, entry.rung)
        assert (plan.tokenizer.tokenizer, plan.tokenizer.vocab_size) == ("bpe", 300)
    races.order(key, "stop")
    assert ended(races, key)["done"]
    with pytest.raises(Problem, match="Tokens are one of characters, BPE, Unigram"):
        races.begin(own, "tokens", cut="words")


def ended(races, key, patience=PATIENCE):
    """The state of a race once it is over."""
    deadline = time.monotonic() + patience
    while not (state := races.state(key))["done"]:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


@pytest.fixture
def two_models(monkeypatch):
    """A race among the quickest two, by name."""
    few = {name: RUNGS[name] for name in ("bigram", "single_head_attention")}
    monkeypatch.setattr("playground.runs.race.text_models", lambda: few)
    return few


class Slow:
    """A learner on a machine that is busy with other things: each step takes 20 ms, the first one 200."""

    def __init__(self, *_):
        self.taken = 0

    def step(self, step):
        assert step == self.taken
        time.sleep(0.02 if self.taken else 0.2)
        self.taken += 1


def test_seconds_become_steps_at_the_pace_of_the_moment(services, play, monkeypatch):
    """Steps came from a pace measured on an idle machine: 20 s became 80 to 160 on a busy one."""
    text = services.texts.get(services.texts.add(play.encode()))
    plan = RUNGS["bigram"].plan("speedrun", steps=9000)
    run = text.new_run(services.library.new_directory("bigram"), plan)
    monkeypatch.setattr("playground.training.fitting.make_learner", Slow)
    with WriterLock(run.directory) as lock:
        fitted(run, text.data, 5.0, "cpu", lock)
        found = open_run(run.directory)
    assert 50 < found.plan.steps <= 250, (
        "as many as 5 s hold, or fewer if the machine sleeps longer"
    )
    assert -(-found.plan.steps // found.plan.evaluate_every) in (4, 5)
    assert found.record.changes == () and found.plan.values()["seed"] == plan.values()["seed"]


def test_the_runs_of_a_race_in_seconds_have_the_steps_that_their_processes_chose(
    make_services, monkeypatch, play, two_models
):
    """The page had the number of steps that it had guessed, so a run never seemed to end."""
    monkeypatch.setattr("playground.runs.race.SECONDS", (0.5,))
    services = make_services(cores=2)
    races = Races(services)
    state = ended(races, races.begin(services.texts.add(play.encode()), 0.5))
    guessed = [races._plan(Race("", 0.5, False, None), rung).steps for rung in two_models.values()]
    for entry, guess in zip(state["entries"], guessed, strict=True):
        view = services.library.view(entry["run"])
        assert services.library.answer(entry["run"])["status"] == "finished"
        assert view.step == view.steps == open_run(view.run.directory).plan.steps != guess
        assert len(view.evaluations()["step"]) in (4, 5)
    assert "Each network trained for " in state["words"] or "Not compared" in state["words"]


def test_a_race_that_is_stopped_at_once_begins_nothing_more(make_services, monkeypatch):
    """A run that was being started when the order came trained on."""
    services = make_services()
    races = Races(services)
    start, begun = races._start, []

    def stopping(race, rung, plan):
        token = start(race, rung, plan)
        begun.append(token)
        races.order(key, "stop")  # the entry has no token yet
        return token

    monkeypatch.setattr(races, "_start", stopping)
    ready = threading.Event()
    run = races._run
    monkeypatch.setattr(races, "_run", lambda race: ready.wait(PATIENCE) and run(race))
    key = races.begin("synthetic_plays", 5)
    ready.set()
    state = ended(races, key)
    assert [entry["run"] for entry in state["entries"] if entry["run"]] == begun
    assert len(begun) == 1 and services.library.answer(begun[0])["status"] == "stopped"
    assert "stopped, so its losses cannot be compared" in state["words"] and state["gains"] == {}
    races.order(key, "resume")
    assert races.state(key) == state, "a race that was stopped stays so"


@pytest.mark.slow
def test_two_races_at_once_share_the_queue(make_services, play, two_models, monkeypatch):
    """Two tabs, two texts, and each race keeps its own."""
    monkeypatch.setattr("playground.runs.race.TOKENS", 40_000)
    services = make_services()
    races = Races(services)
    texts = [services.texts.add(play.encode()), "synthetic_plays"]
    keys = [races.begin(text, "tokens") for text in texts]
    states = [ended(races, key) for key in keys]
    tokens = [entry["run"] for state in states for entry in state["entries"]]
    assert len(set(tokens)) == 4 and all(tokens)
    assert [state["corpus"] for state in states] == texts
    for state, text in zip(states, texts, strict=True):
        assert state["words"].startswith("Looking back ")
        for entry in state["entries"]:
            record = services.library.view(entry["run"]).run.record
            assert record.corpus.sha256 == services.texts.get(text).corpus.sha256


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
        if model["key"] not in text_models():
            continue
        curve = model["curve"]
        assert min(curve["loss"]) == pytest.approx(losses[model["key"]], abs=1e-4)
        assert len({len(column) for column in curve.values()}) == 1
        assert model["writes"] and model["idea"]
    gain = losses["bigram"] - losses["single_head_attention"]
    assert found["gains"]["single_head_attention"] == pytest.approx(gain, abs=0.01)
    assert (found["corpus"], found["text"]) == ("tiny_shakespeare", "Tiny Shakespeare")
    assert found["words"].startswith("In 3,000 steps each, looking back bought ")
    assert list(found["lines"]) == ["knows nothing: 1 in 65", "counted pairs", "counted 5-grams"]
