"""What the controls do, called with what no slider would send: a sentence comes back, never an exception."""

import errno
import itertools
import math
from pathlib import Path

import pytest

from lm import corpora
from lm.corpora.own_text import SHORTEST
from lm.ladder import RUNGS
from lm.runs.facts import text_key
from playground import controls
from playground.tabs.actions import Actions
from playground.texts import NotYet
from tests.conftest import of_typical_rungs
from tests.playground.answers import (
    BAD_VALUES,
    DEEP,
    FOREIGN,
    assert_one_sentence,
    refusal,
    sendable,
    shortened,
)

# Starting


def test_train_starts_a_run_and_answers_with_its_chart(
    actions, own_text, values, supervisor, library
):
    begun = actions.begin(["train", None, own_text, *values])
    token = begun.pop("run")
    assert supervisor.is_live(token)
    assert begun == {
        "trained": {"text": own_text, "values": values},
        "chart": actions.chart(token),
    }
    sendable(begun)
    # The token cannot be read off a folder.
    assert token not in str(library.view(token).run.directory)


@of_typical_rungs
def test_a_bad_value_starts_nothing(rung, services, own_text, tiny_values):
    """Each value with one of the orders in turn: they read the values in the same way."""
    actions, orders = Actions(rung, services), itertools.cycle(["train", "reset", "step"])
    for place, field in enumerate(rung.settings().values()):
        for value in BAD_VALUES:
            fine = (field.kind == "float" and value == 1.5) or (
                field.kind == "bool" and value is True
            )
            if fine:
                continue  # a value like any other
            values = tiny_values(rung)
            values[place] = value
            assert_one_sentence(refusal(actions.begin([next(orders), None, own_text, *values])))
    assert not list(services.library.runs_folder.glob("*/run.json"))


def test_heads_that_do_not_divide_are_refused_with_those_that_would(actions, own_text, tiny_values):
    values = tiny_values(actions.rung, n_embd=20, n_head=3)
    sentence = refusal(actions.begin(["train", None, own_text, *values]))
    assert "choose 1, 2, 4, 5, 10" in sentence
    assert actions.estimate([own_text, *values]) == {"error": sentence}


def test_every_rung_at_its_defaults_takes_the_shortest_text(services, text_rung, play):
    """And with the longest context that it has a slider for."""
    short = services.texts.add(play[:SHORTEST].encode())
    actions, settings = Actions(text_rung, services), text_rung.settings()
    longest = settings["context_length"].live_maximum
    for context in (settings["context_length"].default, longest):
        given = {"context_length": context, "batch_size": 1}
        values = [given.get(name, field.default) for name, field in settings.items()]
        answer = actions.begin(["reset", None, short, *values])
        assert "error" not in answer, answer
        services.supervisor.command(answer["run"], "stop")
        assert "error" not in actions.estimate([short, *values])


@pytest.mark.parametrize("corpus", FOREIGN, ids=shortened)
def test_an_unknown_text_is_one_sentence(actions, values, corpus):
    sentence = refusal(actions.begin(["train", None, corpus, *values]))
    assert_one_sentence(sentence)
    assert actions.estimate([corpus, *values]) == {"error": sentence}
    sendable(sentence)


def test_a_folder_that_cannot_be_written_is_one_sentence(make_services, tmp_path, decoder, values):
    (tmp_path / "file").write_text("in the way")
    actions = Actions(decoder, make_services(tmp_path / "file"))
    sentence = refusal(actions.begin(["train", None, "synthetic_plays", *values]))
    assert "cannot be written" in sentence


def test_a_full_disk_is_one_sentence_and_the_run_before_goes_on(
    actions, own_text, values, library, monkeypatch, wait_for_status
):
    token = actions.begin(["train", None, own_text, *values])["run"]

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    sentence = refusal(actions.begin(["train", token, own_text, *values]))
    monkeypatch.undo()
    assert "disk is full" in sentence
    wait_for_status(library, token, "finished")


def test_a_new_run_stops_the_one_before_and_keeps_it(
    actions, own_text, tiny_values, library, wait_for_status
):
    values = tiny_values(actions.rung, steps=100_000)
    first = actions.begin(["train", None, own_text, *values])["run"]
    wait_for_status(library, first, "running")
    second = actions.begin(["train", first, own_text, *values])["run"]
    assert second != first
    wait_for_status(library, first, "stopped")
    wait_for_status(library, second, "running")


def test_an_order_is_carried_out_and_answered(
    actions, own_text, tiny_values, library, wait_for_status, step_reached
):
    """The answer is that of a poll, with the state that the order led to and what is not yet known."""
    run = actions.begin(["train", None, own_text, *tiny_values(actions.rung, steps=100_000)])["run"]
    step_reached(run, 1)  # a run is "running" before its first step, and could be stopped there
    for name, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        actions.order([run, 0, 0, name])
        wait_for_status(library, run, status)
    answer = actions.order([run, 0, 0, "resume"])  # it has ended, and stays so
    assert answer["status"] == "stopped"
    assert answer["train"]["step"][0] == 1
    assert answer.keys() == actions.poll([run, 0, 0]).keys()


@pytest.mark.parametrize("name", ["step", "learning_rate", "train", "", None, 7])
def test_what_is_no_order_changes_nothing(
    actions, own_text, tiny_values, library, wait_for_status, name
):
    run = actions.begin(["train", None, own_text, *tiny_values(actions.rung, steps=100_000)])["run"]
    wait_for_status(library, run, "running")
    assert actions.order([run, 0, 0, name])["status"] == "running"


@pytest.mark.parametrize("data", [None, [], "x", {}, ["train"], ["train", None], [["train"], 1, 2]])
def test_what_begins_no_run_is_one_sentence(actions, data):
    assert_one_sentence(refusal(actions.begin(data)))


def test_a_step_of_a_run_in_training_begins_no_other(
    actions, own_text, values, supervisor, library, wait_for_status
):
    run = actions.begin(["reset", None, own_text, *values])["run"]
    wait_for_status(library, run, "paused")
    assert actions.begin(["step", run, own_text, *values]) == {}
    assert supervisor.is_live(run)


# Opening and restoring


def test_a_finished_run_opens_with_its_settings(reader, tiny_values):
    token = f"local:{reader.rung.name}"
    answer = reader.open(token)
    assert answer["token"] == answer["feed"]["run"] == token
    assert answer["feed"]["trained"]["values"] == list(answer["settings"].values())
    wanted = tiny_values(reader.rung, steps=2, evaluate_every=2)
    assert list(answer["settings"].values()) == wanted
    assert answer["notice"] == ""


def test_a_reload_shows_the_run_in_training_and_its_settings(actions, own_text, values):
    token = actions.begin(["reset", None, own_text, *values])["run"]
    answer = actions.restore(token, own_text, {})
    trained = {"text": own_text, "values": values}
    assert (answer["token"], answer["feed"]) == (token, {"run": token, "trained": trained})
    assert list(answer["settings"].values()) == values


def test_a_reload_shows_a_learning_rate_that_was_changed_on_the_way(
    actions, own_text, values, supervisor, wait
):
    token = actions.begin(["reset", None, own_text, *values])["run"]
    actions.change_learning_rate(token, "0.0003")
    supervisor.command(token, "step")

    def settings() -> dict:
        return actions.restore(token, own_text, {})["settings"]

    wait(lambda: settings()["learning_rate"] == 0.0003, "the new rate")


def test_a_link_goes_before_the_settings_of_the_run(deep, tiny_values):
    """The feed has the run's own, so that the page says what differs."""
    own = tiny_values(deep.rung, steps=2, evaluate_every=2)
    text = text_key(deep.library.view(DEEP).run.record.corpus)
    feed = {"run": DEEP, "trained": {"text": text, "values": own}}
    answer = deep.restore(DEEP, "synthetic_plays", {"model": deep.rung.name, "n_embd": "32"})
    assert answer["feed"] == feed
    assert answer["settings"]["n_embd"] == 32
    other = deep.restore(DEEP, "synthetic_plays", {"model": "bigram", "n_embd": "32"})
    assert list(other["settings"].values()) == own
    assert other["feed"] == feed


def test_a_run_is_known_to_have_learned_the_text_that_it_was_begun_with(services, tiny_values):
    """Also when it is opened again from its folder; else the page would call every run's text another."""
    actions = Actions(RUNGS["ngram"], services)
    values = tiny_values(actions.rung)
    plays = corpora.load("synthetic_plays").text
    for text in ("synthetic_plays", services.texts.add(plays[:5000].encode())):
        token = actions.begin(["reset", None, text, *values])["run"]
        name = services.library.view(token).run.directory.name
        for found in (token, f"local:{name}"):
            assert actions.open(found)["feed"]["trained"] == {"text": text, "values": values}


def test_a_run_that_is_gone_is_said_to_be(deep):
    assert "no longer here" in deep.restore("gone", "synthetic_plays", {})["notice"]


def test_the_runs_that_can_be_opened_are_listed(reader):
    tokens = [token for _, token in reader.choices(None)]
    assert tokens == [f"local:{reader.rung.name}"]


# The learning rate


def test_a_bad_learning_rate_is_one_sentence_and_the_run_goes_on(
    actions, own_text, values, library, wait_for_status
):
    token = actions.begin(["reset", None, own_text, *values])["run"]
    for rate in (None, math.nan, math.inf, 0, -1, 2, "2", "nan", "x", "", [], {}, True):
        sentence = actions.change_learning_rate(token, rate)["notice"]
        assert_one_sentence(sentence)
        assert "Learning rate" in sentence
    wait_for_status(library, token, "paused")


# The estimate


def test_the_estimate_counts_the_parameters_of_the_model_that_is_trained(
    services, rung, own_text, tiny_plan, tiny_values, new_run, tmp_path
):
    estimate = Actions(rung, services).estimate([own_text, *tiny_values(rung)])
    record = new_run(tmp_path / "run", tiny_plan(rung)).record
    assert estimate["parameters"] == record.parameters


@pytest.mark.parametrize(
    ("seconds", "settled", "state"),
    [
        (None, False, "timing"),
        (95.0, False, "busy"),
        (95.0, True, "settled"),
        (math.nan, True, "impossible"),
        (math.nan, False, "waiting"),
    ],
)
def test_the_estimate_says_what_is_known_and_whether_it_will_change(
    actions, own_text, values, services, seconds, settled, state, monkeypatch
):
    monkeypatch.setattr(services.estimates, "of", lambda plan, text: (seconds, settled))
    estimate = actions.estimate([own_text, *values])
    assert (estimate["steps"], estimate["state"]) == (40, state)
    assert estimate["seconds"] == (95.0 if seconds == 95.0 else None)
    sendable(estimate)


def test_the_estimate_of_a_text_that_is_being_prepared_is_asked_for_again(
    actions, own_text, values, services, monkeypatch
):
    """The box kept "choose it again in a moment" until somebody moved a slider."""

    def slow(*_wanted):
        raise NotYet("That text is still being loaded: choose it again in a moment.")

    monkeypatch.setattr(services.texts, "get", slow)
    assert actions.estimate([own_text, *values])["again"]


def test_while_a_run_trains_the_estimate_does_not_promise_a_timing(
    actions, own_text, values, supervisor, monkeypatch
):
    monkeypatch.setattr(supervisor, "running", lambda: 1)
    assert actions.estimate([own_text, *values])["state"] == "waiting"


@pytest.mark.parametrize("data", [None, [], "x", {}, ["synthetic_plays"], [["a"]]], ids=repr)
def test_garbage_to_the_estimate_is_one_sentence(actions, data):
    answer = actions.estimate(data)
    assert answer.keys() == {"error"}
    assert_one_sentence(answer["error"])


# Recipes


def test_a_recipe_fills_the_controls(services, rung):
    """All but the seed, which stays."""
    actions, names = Actions(rung, services), list(rung.settings())
    seed = {"seed": 7} if "seed" in names else {}
    own = dict(zip(names, controls.values_of(rung.plan(**seed)), strict=True))
    for recipe in rung.recipes:
        values = list((own | actions.follow(recipe.name)["settings"]).values())
        assert controls.plan_of(rung, values) == rung.plan(recipe.name, **seed)


@pytest.mark.parametrize("recipe", FOREIGN, ids=shortened)
def test_an_unknown_recipe_changes_nothing(actions, recipe):
    assert actions.follow(recipe) == {}


def test_a_new_seed_is_one_the_run_takes(actions, values):
    place = list(actions.rung.settings()).index("seed")
    for _ in range(50):
        values[place] = actions.new_seed()["settings"]["seed"]
        controls.plan_of(actions.rung, values)
