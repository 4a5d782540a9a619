"""Starting a run from another one: by token and never by path, and what the page tells of it."""

import re

import pytest

from lm.errors import Problem
from lm.interchange.importing import find, import_model
from lm.ladder import PRETRAINED, RUNGS
from lm.runs.comparing import differences
from lm.runs.format import BaseRecord
from lm.start import RANDOM
from playground.figures import tuning_words
from playground.tabs.actions import Actions
from tests.playground.foreign_folder import written

LORA = {"trained": "lora", "lora_rank": 2}


@pytest.fixture
def begun(finished, tiny_values):
    """The handlers of the decoder on finished runs, and values that start from one of them."""
    rung = RUNGS["decoder_transformer"]

    def values(**changed):
        return tiny_values(rung, start="local:decoder_transformer", **changed)

    return Actions(rung, finished), values


def test_a_token_becomes_the_run_that_a_plan_starts_from(begun, finished):
    actions, values = begun
    plan, base = actions.starts.plan(actions.rung, values(**LORA))
    run = finished.library.view("local:decoder_transformer").run
    assert plan.start.start == str(run.directory.resolve()) and base.run.identity == run.identity
    assert plan.start.lora_rank == 2


def test_the_list_of_runs_names_what_a_run_started_from_without_its_path(begun):
    """The page is open to strangers, and the path is of this machine."""
    actions, values = begun
    plan, _ = actions.starts.plan(actions.rung, values())
    (told,) = differences(actions.rung.plan(**plan.values() | {"start": RANDOM}), plan)
    assert told == "start from random→decoder_transformer"


@pytest.mark.parametrize("start", ["/etc", "..", "local:../x", "local:bigram", "local:nobody", 7])
def test_what_is_no_token_of_such_a_run_is_refused(start, begun, tiny_values):
    """A path of this machine, or a run of another model."""
    actions, _ = begun
    with pytest.raises(Problem):
        actions.starts.plan(actions.rung, tiny_values(actions.rung, start=start))


def test_a_setting_that_contradicts_the_start_is_named(begun, own_text):
    actions, values = begun
    told = actions.estimate([own_text, *values(n_embd=32)])
    assert "Embedding size 16, not 32" in told["error"]


def test_what_would_be_trained_is_told_before(begun, play):
    """And the characters that get new rows."""
    actions, values = begun
    key = actions.services.texts.add((play + "éé").encode())
    told = actions.estimate([key, *values(**LORA)])["tuned"]
    assert 0 < told["trained"] < 5000 and told["memory"] > 0 and told["added"] == "é"


def test_the_runs_to_start_from_are_those_of_the_model(begun):
    actions, _ = begun
    choices = {token: label for label, token in actions.starts_from(RANDOM, None)}
    assert choices[RANDOM] == "random numbers" and "local:decoder_transformer" in choices
    assert not any("bigram" in token for token in choices)


def test_an_imported_model_is_taught_by_lora_unless_chosen_otherwise(
    text, tiny_plan, services, tmp_path
):
    """Its own sizes come with it, and a context that two cores can train."""
    folder = written(tmp_path, text, tiny_plan)
    run = import_model(find(str(folder)), services.library.new_directory(PRETRAINED.name))
    token, actions = services.library.token_for(run.directory), Actions(PRETRAINED, services)
    opened = actions.open(token)
    settings = opened["settings"]
    assert settings["start"] == token and settings["trained"] == "lora"
    assert opened["feed"]["trained"] is None  # nobody trained it with settings of a page
    plan, base = actions.starts.plan(PRETRAINED, list(settings.values()))
    assert plan.model.n_embd == run.plan.model.n_embd and base.run.identity == run.identity
    linked = actions.restore(token, None, {"model": PRETRAINED.name, "steps": "7"})["settings"]
    assert linked == settings | {"steps": 7}  # a link need not name the sizes of the model
    values = list(settings.values())
    values[list(settings).index("start")] = RANDOM
    with pytest.raises(Problem, match="Choose a model"):
        actions.starts.plan(PRETRAINED, values)


CORPUS = {
    **{"name": "plays", "title": "Old plays", "path": None, "sha256": "0", "characters": 9},
    "floor": None,
}
BASE = {
    **{"path": "/x", "title": "x", "step": 1, "checksum": "0", "vocab_size": 9, "task": "continue"},
    **{"corpus": CORPUS, "added": "", "note": ""},
}


@pytest.mark.parametrize(
    ("old", "why"),
    [(2.5, r"forgotten 0\.50 nats"), (2.0, "forgotten nothing"), (1.5, "better there")],
)
def test_both_texts_are_told_with_their_losses(old, why):
    first = {"step": 0, "loss": 3.0, "old_loss": 2.0}
    told = tuning_words.told(BaseRecord(**BASE), [first, {"step": 9, "loss": 2.6, "old_loss": old}])
    assert "3.00" in told and "2.60" in told and "Old plays" in told and re.search(why, told)
    assert told.count(".") - len(re.findall(r"\d\.\d", told)) == 2, "two sentences"


def test_of_an_imported_model_nobody_can_tell_what_it_forgets():
    base = BaseRecord(**BASE | {"corpus": None, "note": "SmolLM2, from a hub; licence: mit"})
    told = tuning_words.told(base, [{"step": 0, "loss": 3.0}, {"step": 9, "loss": 3.1}])
    assert "SmolLM2" in told and "gained nothing" in told and "are not here" in told
    assert tuning_words.told(base, []) == ""
