"""A model that others trained, on its tab: it is looked into, answers, and says where it comes from."""

import base64

import numpy as np
import pytest

from lm.generation import SamplingConfig
from lm.interchange.importing import find, import_model
from lm.ladder import PRETRAINED
from lm.settings import describe
from playground.looking import inside
from playground.tabs.actions import Actions
from tests.playground.foreign_folder import written

TEXT = "What news, my lord?"
SHORT = {"max_new_tokens": 8, "temperature": 0.0}


@pytest.fixture(scope="module")
def folder(text, tiny_plan, tmp_path_factory):
    return written(tmp_path_factory.mktemp("model"), text, tiny_plan)


@pytest.fixture
def opened(folder, services):
    """The handlers of the tab and the token of an imported run."""
    run = import_model(find(str(folder)), services.library.new_directory(PRETRAINED.name))
    return Actions(PRETRAINED, services), services.library.token_for(run.directory)


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_every_view_shows_an_imported_model(weights, folder, services):
    """Numbers in two bytes are none of numpy's: a view that hands them over fails for those alone."""
    found = find(str(folder), weights)
    run = import_model(found, services.library.new_directory(PRETRAINED.name))
    token, actions = services.library.token_for(run.directory), Actions(PRETRAINED, services)
    for view in ("attention", "score", "next", "surprise", "layers"):
        answer = actions.look([token, None, TEXT, view, {}])
        assert "error" not in answer, answer
        assert answer["kind"] == view and answer["steps"] == [0]


def test_of_a_large_vocabulary_the_likeliest_tokens_are_named(opened, monkeypatch):
    """49,152 names are sent with every key that is pressed, else."""
    actions, token = opened
    monkeypatch.setattr(inside, "MOST_NAMED", 10)
    monkeypatch.setattr(inside, "LIKELIEST", 5)
    answer = actions.look([token, None, TEXT, "next", {}])
    logits = np.frombuffer(base64.b64decode(answer["logits"]), np.float32)
    assert len(logits) == 300 and list(answer["tokens"]) == [
        str(id) for id in np.argsort(logits)[::-1][:5]
    ]


def written_by(actions, token, **asked):
    values = [SHORT.get(field.name, field.default) for field in describe(SamplingConfig)]
    asked = {"run": token, "number": 1, "pane": "p"} | asked
    return list(actions.write(asked, "Hello", *values))[-1]


def test_a_message_is_put_into_the_template_and_a_text_is_not(opened):
    actions, token = opened
    said = written_by(actions, token, chat=True)
    plain = written_by(actions, token)
    assert said["prompt"] == "Hello\n" and plain["prompt"] == "Hello"
    assert said["tokens"] != plain["tokens"]  # it read "user: Hello", and "assistant:"


def test_it_says_who_trained_it_and_shows_no_loss_of_ours(opened):
    actions, token = opened
    told = actions.poll([token, 0, 0])
    assert told["elsewhere"] and told["chat"]
    assert "Others trained it" in told["summary"] and "licence" in told["summary"]
