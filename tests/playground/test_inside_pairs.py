"""The inside of an encoder–decoder: every view answers, its words are true, and heads have a cost."""

import base64
import json
import time

import numpy as np
import pytest

from lm.corpora import pairs
from lm.errors import SettingsProblem
from lm.inside.ablating_pairs import cost_of_pairs, judging
from lm.inside.inspecting_pairs import without_heads
from lm.ladder import rung
from lm.runs import open_run, recording
from lm.runs.lock import WriterLock
from lm.runs.preparation import prepare
from lm.training.loop import train
from playground.looking import inside
from playground.looking.beside import Beside
from playground.looking.head_costs import comparison, told
from playground.looking.snapshots import Snapshots

CORPUS = pairs.from_tsv("".join(f"{n}\t{str(n)[::-1]}\n" for n in range(100, 300)))
SETTINGS = {"n_embd": 32, "n_head": 2, "n_layer": 2, "context_length": 16, "batch_size": 64}
BRIEF = {"steps": 60, "evaluate_every": 60, "learning_rate": 1e-2, "warmup_steps": 5}


def trained(folder, **settings):
    """A run that reverses three digits."""
    plan = rung("encoder_decoder").plan(**SETTINGS, **BRIEF, optimizer="muon", **settings)
    prepared = prepare(CORPUS, plan.tokenizer, plan.task)
    made = prepared.new_run(folder / "run", plan)
    with WriterLock(made.directory) as lock:
        for _ in recording.record(made, train(plan, prepared.data), lock):
            pass
    return open_run(made.directory)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("pairs"))


@pytest.fixture
def look(run):
    snapshots = Snapshots()

    def ask(view, text="", **more):
        found = inside.answer(snapshots, run, inside.Question.of(None, view, text, "", more))
        json.dumps(found, allow_nan=False)  # a browser reads no NaN
        return found

    return ask


def unpacked(answer, name):
    shape = (-1, len(answer["tokens"]), len(answer["columns"]))
    return np.frombuffer(base64.b64decode(answer[name]), np.uint8).reshape(shape)


@pytest.mark.parametrize("part", ["lines", "cross", "encoder", "decoder"])
def test_the_weights_of_a_part_are_those_of_its_rows_and_columns(part, look):
    answer = look(part, "123")
    assert answer["kind"] == part and (answer["layers"], answer["heads"]) == (2, 2)
    weights, masks = unpacked(answer, "weights"), unpacked(answer, "masks")
    assert len(weights) == 4 and len(masks) == 2
    # A row is a distribution, rounded to 255 for each of its cells.
    assert np.abs(weights.sum(2, dtype=int) - 255).max() <= len(answer["columns"])
    assert not weights.reshape(2, 2, *masks.shape[1:])[np.repeat(masks[:, None] == 0, 2, 1)].any()
    assert [len(layer) for layer in answer["summaries"]] == [2, 2]
    for layer in answer["summaries"]:
        for parts in layer:
            assert "".join(words for words, _ in parts).endswith(".")


def test_who_asks_and_who_answers(look):
    cross, encoder, decoder = (look(part, "123") for part in ("cross", "encoder", "decoder"))
    assert cross["columns"] == encoder["tokens"] == encoder["columns"] == list("123")
    assert cross["tokens"][-1] == "\n" and decoder["tokens"] == ["⇥", *cross["tokens"][:-1]]
    assert unpacked(encoder, "masks").all() and unpacked(cross, "masks").all()
    assert (unpacked(decoder, "masks")[0] == np.tri(len(decoder["tokens"]))).all()
    assert decoder["losses"][1:] == cross["losses"][:-1]


def test_the_masks_are_the_models_own_and_hide_padding(look, tmp_path):
    encoder, decoder, cross = look("masks", "123")["masks"]
    assert [one["kind"] for one in (encoder, decoder, cross)] == [
        "no mask",
        "causal",
        "no mask but padding",
    ]
    hidden = np.frombuffer(base64.b64decode(cross["mask"]), np.uint8)
    assert hidden.reshape(cross["rows"], -1).sum(1).tolist() == [3] * cross["rows"]
    assert cross["words"].endswith("sees all 3, and none of 4 of padding.")
    assert decoder["words"].startswith("position n sees n: ")
    open_run = trained(tmp_path, causal_mask=False)
    found = inside.answer(Snapshots(), open_run, inside.Question.of(None, "masks", "123", "", {}))
    assert found["masks"][1]["kind"] == "no mask"


def test_beams_have_falling_scores_and_the_right_answer_is_marked(look, run):
    answer = look("beams")
    probabilities = [one["probability"] for one in answer["beams"]]
    assert probabilities == sorted(probabilities, reverse=True) and len(probabilities) == 5
    assert sum(probabilities) <= 1 + 1e-6
    assert answer["right"] == answer["line"][::-1]
    for one in answer["beams"]:
        assert np.exp(one["score"]) == pytest.approx(one["probability"], rel=1e-2, abs=1e-12)


@pytest.mark.parametrize("typed", ["", "x", "1x2", "1\t2\n3", "0" * 40])
def test_any_line_gives_a_picture_or_one_sentence(typed, look):
    for view in ("lines", "masks", "beams"):
        try:
            answer = look(view, typed)
        except SettingsProblem as problem:
            assert len(typed) > 16 and "shorten it" in str(problem)
        else:
            assert answer["kind"] == view
            assert ("x" in (answer["note"] or "")) == ("x" in typed)


def test_without_cross_attention_the_lines_are_a_sentence(tmp_path):
    run = trained(tmp_path, cross_attention=False)
    for view in ("lines", "cross"):
        with pytest.raises(SettingsProblem, match="has no cross-attention"):
            inside.answer(Snapshots(), run, inside.Question.of(None, view, "123", "", {}))
    found = inside.answer(Snapshots(), run, inside.Question.of(None, "masks", "123", "", {}))
    assert len(found["masks"]) == 2


def test_views_of_texts_are_refused(look):
    for view in ("attention", "choices", "surprise", "x-ray"):
        with pytest.raises(SettingsProblem, match="no view"):
            look(view)


def test_a_head_that_is_off_takes_nothing_any_more_and_others_stay(look):
    on, off = (look("cross", "123", off=heads)["weights"] for heads in ([], [["encoder", 0, 1]]))
    assert on != off
    with pytest.raises(SettingsProblem, match="no head 9"):
        look("cross", "123", off=[["cross", 0, 8]])


def test_the_cost_of_heads_is_counted_in_right_lines(run):
    """Without any head of the second text's look at the first, the answers can only be guessed."""
    model, _ = run.model()
    heads = [("cross", layer, head) for layer in range(2) for head in range(2)]
    changed = without_heads(model, heads)
    task = judging(CORPUS, run.tokenizer(), 16)
    *_, last = cost_of_pairs(task, model, changed)
    assert last.lines == len(CORPUS.validation)
    whole = task.judge(model, CORPUS.validation)
    assert last.before == pytest.approx(whole.exact) and last.before > 0.5 > last.exact
    losses = [evaluated(task, each) for each in (model, changed)]
    assert last.loss == pytest.approx(losses[1], rel=1e-4)
    assert last.added == pytest.approx(losses[1] - losses[0], rel=1e-4)
    beside, compare = Beside(), comparison(run, model, changed, lambda: CORPUS)
    deadline = time.monotonic() + 60
    while not (cost := told(beside.of(frozenset(heads), compare))).get("done"):
        assert "error" not in cost and time.monotonic() < deadline
        time.sleep(0.02)
    assert f"{last.exact:.1%} of {last.lines} held-out lines right" in cost["words"]


def evaluated(task, model):
    parts = task.evaluate(model)
    while True:
        try:
            next(parts)
        except StopIteration as done:
            return done.value.loss
