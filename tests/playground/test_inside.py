"""The card with the inside of a model: every view of every model, and the cost of heads."""

import base64
import itertools
import json
import shutil
import time

import numpy as np
import pytest
import torch

from lm import runs
from lm.costs.sizes import outline
from lm.evaluation import evaluate
from lm.generation import generate, next_token_distribution
from lm.inside.by_position import by_position, doubling, name_of, verdict
from lm.inside.inspection import inspect
from lm.ladder import RUNGS
from lm.runs import recording
from lm.tasks.continue_text import SAMPLE, first_token
from lm.training.loop import train
from playground.looking import inside
from playground.tabs.actions import Actions
from tests.playground.conftest import PATIENCE

TEXT = "What news, my lord?"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, prepared, tiny_plan):
    """A folder with a finished tiny run of each of these models, under its name; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("ngram", "bigram", "multi_head_attention", "decoder_transformer"):
        plan = tiny_plan(RUNGS[name], steps=20, order=3)
        learned = prepared(plan)
        run = learned.new_run(folder / name, plan)
        for _ in recording.record(run, train(plan, learned.data)):
            pass
    return folder


@pytest.fixture
def shown(trained, services):
    """`shown("bigram")`: the actions, token and run of a copy of one of them."""

    def make(name):
        directory = services.library.runs_folder / name
        shutil.copytree(trained / name, directory)
        return Actions(RUNGS[name], services), f"local:{name}", runs.open_run(directory)

    return make


@pytest.mark.parametrize("name", ["ngram", "bigram", "multi_head_attention", "decoder_transformer"])
def test_every_view_of_a_model_answers(name, shown):
    actions, token, run = shown(name)
    views = inside.views_of(outline(RUNGS[name].plan(), 65))
    for view in views:
        answer = actions.look([token, None, TEXT, view, {}])
        assert answer["kind"] == view and answer["step"] == run.snapshots()[-1], answer
    for view in {"attention", "score", "layers"} - set(views):
        assert "error" in actions.look([token, None, TEXT, view, {}])
    assert "no view" in actions.look([token, None, TEXT, "x-ray", {}])["error"]


@pytest.mark.parametrize("name", ["ngram", "bigram", "decoder_transformer"])
def test_a_text_that_the_model_has_never_seen_is_one_sentence_in_every_view(name, shown):
    """Something is left to look at, or stands in for it, and the sentence says what was left out."""
    actions, token, _ = shown(name)
    views = inside.views_of(outline(RUNGS[name].plan(), 65))
    for typed, view in itertools.product(("日本語", "", "What 日 news?", "日T"), views):
        answer = actions.look([token, None, typed, view, {}])
        assert answer.get("kind") == view, answer
        json.dumps(answer, allow_nan=False)  # a browser reads no NaN
        if view not in ("table", "surprise", "past") and "日" in typed:
            assert "never seen them: 日" in answer["note"]


@pytest.mark.parametrize("name", ["ngram", "bigram", "decoder_transformer"])
def test_a_run_whose_snapshots_are_gone_says_so_in_every_view(name, shown):
    """Also of a model that the server still holds in memory: the next step could not be shown."""
    actions, token, run = shown(name)
    views = inside.views_of(outline(RUNGS[name].plan(), 65))
    assert actions.look([token, 0, TEXT, views[0], {}])["step"] == 0
    shutil.rmtree(run.directory / "snapshots")
    for step in (None, 0, 20):
        for view in views:
            said = actions.look([token, step, TEXT, view, {}])["error"]
            assert said.startswith("The weights of this run are gone") and said.count(".") == 1
        if name == "decoder_transformer":
            assert "are gone" in actions.cost([token, step, [[0, 0]]])["error"]


@pytest.mark.parametrize("name", ["ngram", "decoder_transformer"])
def test_what_else_could_have_come_in_a_sample_of_the_diary(name, shown):
    """At the step of each snapshot, drawing from these distributions writes the very sample again."""
    actions, token, run = shown(name)
    samples = [line for line in run.metrics() if line["type"] == "sample"]
    last = samples[-1]
    answer = actions.look([token, last["step"], last["text"], "choices", {}])
    assert answer["step"] == last["step"] and answer["temperature"] == SAMPLE.temperature
    assert "".join(one[0] for one in answer["tokens"]) == last["text"]
    model, _ = run.model(last["step"])
    start = torch.from_numpy(first_token(run.tokenizer()))
    drawn = list(generate(model, start, run.plan.context_length, SAMPLE))
    for made, (_, probability, others) in zip(drawn, answer["tokens"], strict=False):
        assert probability == pytest.approx(made.distribution[made.id], abs=2e-4)
        assert others[0][1] == pytest.approx(made.distribution.max(), abs=2e-4)
    assert actions.look([token, 0, "", "choices", {}])["tokens"] == []


def test_the_next_character_carries_the_scores_that_are_drawn_from(shown):
    actions, token, run = shown("bigram")
    answer = actions.look([token, None, TEXT, "next", {}])
    logits = np.frombuffer(base64.b64decode(answer["logits"]), np.float32)
    model, _ = run.model()
    ids, _ = run.tokenizer().encode_known(TEXT)
    read = torch.from_numpy(ids[-run.plan.context_length :])
    np.testing.assert_allclose(logits, inspect(model, read).logits[-1], atol=1e-6)
    assert next_token_distribution(torch.from_numpy(logits.copy())).sum() == pytest.approx(1)
    assert len(answer["tokens"]) == run.record.vocab_size


def test_the_surprise_is_of_held_out_text_and_its_mean_is_told(shown, text):
    actions, token, _ = shown("bigram")
    answer = actions.look([token, None, TEXT, "surprise", {}])
    assert answer["held_out"]
    assert "".join(answer["tokens"]) == text.corpus.validation_text[: len(answer["tokens"])]
    assert answer["mean"] == pytest.approx(np.mean(answer["losses"][1:]), abs=1e-3)


def test_a_cell_of_the_score_is_the_one_asked_for(shown):
    actions, token, _ = shown("decoder_transformer")
    answer = actions.look([token, None, TEXT, "score", {"cell": [0, 1, 5, 2]}])
    assert answer["cell"] == [0, 1, 5, 2]
    assert answer["product"] / answer["divisor"] == pytest.approx(answer["scores"][2], abs=1e-5)
    chosen = actions.look([token, None, TEXT, "score", {}])["cell"]
    assert chosen[2] > chosen[3], "an earlier position, not itself"
    for rubbish in ([9, 9, 9, 9], "x", [1], {"a": 1}, [None] * 4):
        answer = actions.look([token, None, TEXT, "score", {"cell": rubbish}])
        assert "error" in answer or answer["kind"] == "score"


def test_a_head_that_is_off_changes_every_view_and_its_cost_is_worked_out(shown, services):
    actions, token, run = shown("decoder_transformer")
    on = actions.look([token, None, TEXT, "surprise", {}])["mean"]
    off = actions.look([token, None, TEXT, "surprise", {"off": [[0, 0], [0, 1]]}])["mean"]
    assert off != on
    deadline = time.monotonic() + PATIENCE
    while not (answer := actions.cost([token, None, [[0, 0], [0, 1]]])).get("done"):
        assert "error" not in answer, answer
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer["words"].startswith("Off: ")
    validation = torch.from_numpy(run.tokenizer().encode(actions._text_of(run).validation_text))
    model, _ = run.model()
    changed = inside.without(model, [(0, 0), (0, 1)])
    losses = [evaluate(m, validation, run.plan.context_length).loss for m in (model, changed)]
    (work,) = services.snapshots.beside._works.values()
    assert work.found.added == pytest.approx(losses[1] - losses[0], abs=0.01)
    assert "no head 8" in actions.cost([token, None, [[0, 7]]])["error"]
    assert "no head 8" in actions.look([token, None, TEXT, "next", {"off": [[0, 7]]}])["error"]


def test_the_loss_by_position_is_told_as_far_as_it_is_known(shown):
    """On request, in a thread of its own; the answer says whether it is done, and is that of the library."""
    actions, token, run = shown("decoder_transformer")
    deadline = time.monotonic() + PATIENCE
    while not (answer := actions.look([token, None, TEXT, "past", {}])).get("done"):
        assert answer["kind"] == "past" and time.monotonic() < deadline, answer
        time.sleep(0.02)
    text = torch.from_numpy(run.tokenizer().encode(actions._text_of(run).validation_text))
    *_, found = by_position(run.model()[0], text, run.plan.context_length)
    groups = [[name_of(one), pytest.approx(one.loss, abs=1e-4)] for one in doubling(found.losses)]
    assert answer["groups"] == groups
    assert answer["words"] == verdict(found) and answer["characters"] == found.tokens
    off = actions.look([token, None, TEXT, "past", {"off": [[0, 0], [0, 1]]}])
    assert not off["done"], "without these heads it is another question"
