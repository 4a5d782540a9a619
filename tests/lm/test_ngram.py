"""The rung that counts: the textbook's probabilities, through the same loop as every network."""

import dataclasses
import os
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lm import corpora, ngrams, runs, tasks
from lm.errors import RunProblem
from lm.evaluation import evaluate
from lm.ladder import RUNGS
from lm.models.ngram import Ngram, NgramConfig
from lm.runs import packing, recording
from lm.training.events import Checkpoint, Evaluated, Evaluating, Step, TakeCheckpoint
from lm.training.loop import train
from tests.lm.textbook_kneser_ney import Textbook


def counted_model(ids, vocab_size, order):
    model = Ngram(NgramConfig(order=order), vocab_size)
    model.set_counts(ngrams.count(np.array(ids), vocab_size, order).counts)
    return model


@given(
    ids=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    text=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    order=st.integers(1, 7),
)
def test_every_row_is_the_textbooks_distribution(ids, text, order):
    """Also after contexts, and of a character (4), that were never seen."""
    textbook = Textbook(ids, 5, order)
    p = counted_model(ids, 5, order)(torch.tensor([text, text[::-1]])).exp()
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(2, len(text)), rtol=0, atol=1e-5)
    for row, read in zip(p, (text, text[::-1]), strict=True):
        for t, found in enumerate(row):
            expected = [textbook.p(w, read[: t + 1]) for w in range(5)]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def assert_agrees(model, counting, ids):
    """The model's distributions sum to one and hold the probabilities that `Counting` gives."""
    p = model(torch.from_numpy(ids)[None]).exp()[0]  # (T, V)
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(len(ids)), rtol=0, atol=1e-4)
    found = p[torch.arange(len(ids) - 1), torch.from_numpy(ids[1:])]
    np.testing.assert_allclose(found, counting.probabilities(ids)[1:], rtol=1e-3)


def test_model_and_baseline_interpolate_alike(data):
    """On a play: the model adds up all possible next characters, `Counting` only those that came."""
    counting = ngrams.count(data.train.numpy(), data.tokenizer.vocab_size, 7)
    model = Ngram(NgramConfig(), data.tokenizer.vocab_size)
    model.set_counts(counting.counts)
    assert_agrees(model, counting, data.validation.numpy())


@pytest.mark.parametrize("vocab_size", [200, 300, 3000])
def test_counts_and_alphabets_beyond_a_byte_survive_saving(vocab_size):
    """A pair that occurs 4,000 times; counts around 255; characters that need more than one byte."""
    once = np.random.default_rng(1).permutation(vocab_size)
    ids = np.concatenate([[0, 1] * 4000, once, [7] * 255, [8] * 254, once])
    counting = ngrams.count(ids, vocab_size, 3)
    model, again = (Ngram(NgramConfig(order=3), vocab_size) for _ in range(2))
    model.set_counts(counting.counts)
    again.load_state_dict(model.state_dict())
    for each in (model, again):
        assert_agrees(each, counting, np.array([0, 1, 0, 0, 7, 7, 7, 8, 8, 9, *once[:20]]))


def test_it_looks_back_as_far_as_its_order_and_no_further():
    ids = torch.randint(4, (3000,), generator=torch.Generator().manual_seed(0)).tolist()
    tokens = torch.tensor([ids[100:120]])
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 4
    for order in range(1, 8):
        model = counted_model(ids, 4, order)
        differs = (model(tokens) != model(changed)).any(dim=-1)[0]
        assert differs.nonzero().flatten().tolist() == list(range(5, 4 + order))


def test_one_step_counts_one_character_more(counted, tiny_plan, data):
    plan = tiny_plan(counted, order=4, parts=1)
    events = [e for e in train(plan, data) if not isinstance(e, Evaluating)]
    kinds = [(type(e).__name__, e.step) for e in events]
    assert kinds == [("Sample", 0), ("Checkpoint", 0)] + [
        (kind, step)
        for step in range(1, 5)
        for kind in ("Step", "Evaluated", "Sample", "Checkpoint")
    ]
    train_ids, V = data.train.numpy(), data.tokenizer.vocab_size
    for event in events:
        counting = event.step and ngrams.count(train_ids, V, event.step)
        if isinstance(event, Step):
            assert event.loss == pytest.approx(counting.loss())
        elif isinstance(event, Evaluated):
            assert event.loss == pytest.approx(in_rows(counting, data.validation.numpy(), 16))
        elif isinstance(event, Checkpoint):
            assert event.replay
            assert len(event.weights) == 4 * event.step
            assert event.optimizer == {}


def test_until_all_of_the_text_is_counted_the_longest_ngrams_are_those_of_its_beginning():
    """The shorter ones keep the counts of the whole text, or a longer context would lose what they know."""
    ids = np.random.default_rng(3).integers(3, size=60)
    pairs = ngrams.count(ids, 3, 2)
    part = pairs.longer_in(25)
    assert part.counts[:2] == pairs.counts and len(pairs.counts) == 2
    found = {
        (*spelled(pairs, int(key) // 3), int(key) % 3): int(count)
        for key, count in zip(part.counts[2].keys, part.counts[2].counts, strict=True)
    }
    beginning = ids[:25].tolist()
    assert found == Counter(zip(beginning, beginning[1:], beginning[2:], strict=False))
    # The same, whether the numbers of the n-grams are given or found.
    np.testing.assert_allclose(part.probabilities(), part.probabilities(ids))
    pairs.count_next_length()
    assert pairs.loss() == ngrams.count(ids, 3, 3).loss()


def spelled(counting, pair):
    """The ids of the pair of that number."""
    return divmod(int(counting.counts[1].keys[pair]), counting.vocab_size)


def test_a_run_counts_each_length_in_parts_of_the_text(counted, tiny_plan, data):
    plan = tiny_plan(counted, order=3, parts=4)
    assert (plan.steps, plan.tokens_per_step(len(data.train))) == (12, len(data.train) // 4)
    events = list(train(plan, data))
    ids, V = data.train.numpy(), data.tokenizer.vocab_size
    losses = {event.step: event.loss for event in events if isinstance(event, Step)}
    assert sorted(losses.values(), reverse=True) == list(losses.values()), (
        "each part adds something"
    )
    for length in (1, 2, 3):
        assert losses[4 * length] == pytest.approx(ngrams.count(ids, V, length).loss())
    saved = [event for event in events if isinstance(event, Checkpoint)]
    assert [event.step for event in saved if event.replay] == list(range(13))
    again = [event.loss for event in train(plan, data, resume=saved[6]) if isinstance(event, Step)]
    assert again == pytest.approx(list(losses.values())[6:])
    told = [plan.training.counted(step) for step in (0, 1, 4, 10)]
    assert told == [
        "Nothing is counted yet.",
        "Counted: single tokens, only in the first 1 of 4 parts of the text.",
        "Counted: single tokens, in all of the text.",
        "Counted: n-grams of up to 3 tokens, the longest only in the first 2 of 4 parts of the text.",
    ]


def in_rows(counting, ids, length):
    """The loss over rows that do not overlap, each begun without a context."""
    rows = [ids[start : start + length + 1] for start in range(0, len(ids) - 1, length)]
    return -np.concatenate([np.log(counting.probabilities(row))[1:] for row in rows]).mean()


def test_a_snapshot_for_every_order(counted, tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(counted, parts=1))
    for _ in recording.record(run, train(run.plan, data)):
        pass
    again = runs.open_run(tmp_path / "run")
    assert again.snapshots() == list(range(8))
    losses = {
        line["step"]: line["loss"] for line in again.metrics() if line["type"] == "evaluation"
    }
    for step, loss in losses.items():
        model, _ = again.model(step)
        assert len(model.levels) == step
        assert evaluate(model, data.validation, 16).loss == loss
    again.model(0)  # nothing is counted yet
    packing.pack(again, tmp_path / "packed", 6)
    packed, _ = runs.open_run(tmp_path / "packed").model()
    assert evaluate(packed, data.validation, 16).loss == losses[7]  # whole numbers are not halved


def test_it_stops_and_goes_on_in_the_middle_of_an_evaluation(counted, tiny_plan, data):
    plan, long = tiny_plan(counted, parts=1), dataclasses.replace(data, validation=data.train)
    events = train(plan, long)
    for event in events:
        if isinstance(event, Evaluating) and event.step == 3:
            break
    taken = events.send(TakeCheckpoint())
    events.close()
    assert (taken.step, taken.evaluated) == (3, 2)
    rest = [e.step for e in train(plan, long, resume=taken) if isinstance(e, Evaluated)]
    assert rest == [3, 4, 5, 6, 7]


DAMAGE = {
    "a level too few": lambda t: [t.pop(name) for name in list(t) if name.startswith("levels.2")],
    "a part too few": lambda t: t.pop("levels.6.counts"),
    "a foreign tensor": lambda t: t.update(more=torch.zeros(2)),
    "fewer characters": lambda t: t.update({"levels.1.characters": t["levels.1.characters"][:-1]}),
    "fewer large counts": lambda t: t["levels.1.counts"][:1].fill_(255),
    "no such character": lambda t: t["levels.6.characters"].fill_(250),
    "a character below the first": lambda t: t.update(
        {
            "levels.1.characters": t["levels.1.characters"]
            .short()
            .index_fill(0, torch.tensor([0]), -1)
        }
    ),
    "another order": lambda t: t.update({"levels.0.characters": t["levels.0.characters"].flip(0)}),
    "fractions": lambda t: t.update({"levels.1.counts": t["levels.1.counts"].float()}),
    "a table": lambda t: t.update({"levels.1.counts": t["levels.1.counts"][None]}),
}


@pytest.fixture(scope="module")
def run(tiny_plan, begin, text_data, tmp_path_factory):
    """A finished run: its last snapshot holds seven lengths."""
    plan = tiny_plan(RUNGS["ngram"], parts=1)
    run = begin(tmp_path_factory.mktemp("counted") / "run", plan)
    for _ in recording.record(run, train(run.plan, text_data)):
        pass
    return run


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_counts_are_one_sentence(damage, run):
    path = run.directory / "snapshots" / "00000007.safetensors"
    whole = path.read_bytes()
    tensors = load_file(path)
    damage(tensors)
    save_file(tensors, path, {"step": "7"})
    try:
        with pytest.raises(RunProblem, match="does not fit"):
            run.model()
    finally:
        path.write_bytes(whole)


def test_on_tiny_shakespeare_it_is_a_hard_line_to_cross(counted):
    """Order 5 and order 7 over the whole validation split, in rows of 1,024."""
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    data = tasks.text_data(corpora.load("tiny_shakespeare"))
    losses = {
        e.step: e.loss for e in train(counted.plan(parts=1), data) if isinstance(e, Evaluated)
    }
    assert losses[5] == pytest.approx(1.5641, abs=1e-4) and losses[5] <= 1.57
    assert losses[7] == pytest.approx(1.5199, abs=1e-4) and losses[7] <= 1.53
