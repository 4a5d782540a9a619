"""The rung that counts: the same probabilities as `KneserNey`, through the same loop as every network."""

import dataclasses
import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lm import corpora, runs
from lm.errors import RunProblem
from lm.evaluation import evaluate
from lm.models.ngram import Ngram, NgramConfig
from lm.ngrams import Counting, KneserNey
from lm.runs import packing, recording
from lm.training.events import Checkpoint, Evaluated, Evaluating, Step, TakeCheckpoint
from lm.training.loop import train


def counted_model(ids, vocab_size, order):
    counting = Counting(np.array(ids), vocab_size)
    for _ in range(min(order, len(ids))):
        counting.longer()
    model = Ngram(NgramConfig(order=order), vocab_size)
    model.hold(counting.counts)
    return model


@given(
    ids=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    text=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    order=st.integers(1, 7),
)
def test_it_says_what_kneser_ney_says_and_every_row_sums_to_one(ids, text, order):
    """Also of contexts and characters (4) that were never seen."""
    p = counted_model(ids, 5, order)(torch.tensor([text, text[::-1]])).exp()
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(2, len(text)), rtol=0, atol=1e-5)
    reference = KneserNey.count(np.array(ids), 5, order)
    for row, read in zip(p, (text, text[::-1]), strict=True):
        expected = [reference.next_probabilities(np.array(read[: t + 1])) for t in range(len(read))]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("vocab_size", [200, 300])
def test_counts_and_alphabets_beyond_a_byte(vocab_size):
    """A pair that occurs 4,000 times; characters that need more than one byte."""
    ids = [0, 1] * 4000 + list(range(vocab_size)) * 2 + [7] * 255 + [8] * 254
    model, reference = (
        counted_model(ids, vocab_size, 3),
        KneserNey.count(np.array(ids), vocab_size, 3),
    )
    again = Ngram(NgramConfig(order=3), vocab_size)
    again.load_state_dict(model.state_dict())
    for read in ([0, 1], [1, 0], [7, 7], [vocab_size - 1, 0], [8, 9]):
        expected = reference.next_probabilities(np.array(read))
        for each in (model, again):
            np.testing.assert_allclose(each(torch.tensor([read])).exp()[0, -1], expected, rtol=1e-4)


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
    plan = tiny_plan(counted, order=4)
    events = [e for e in train(plan, data) if not isinstance(e, Evaluating)]
    kinds = [(type(e).__name__, e.step) for e in events]
    assert kinds == [("Sample", 0), ("Checkpoint", 0)] + [
        (kind, step)
        for step in range(1, 5)
        for kind in ("Step", "Evaluated", "Sample", "Checkpoint")
    ]
    train_ids, V = data.train.numpy(), data.tokenizer.vocab_size
    for event in events:
        reference = event.step and KneserNey.count(train_ids, V, event.step)
        if isinstance(event, Step):
            loss = -np.log(reference.probabilities(train_ids)).mean()
            assert event.loss == pytest.approx(loss)
        elif isinstance(event, Evaluated):
            assert event.loss == pytest.approx(in_rows(reference, data.validation.numpy(), 16))
        elif isinstance(event, Checkpoint):
            assert event.replay
            assert len(event.weights) == 4 * event.step
            assert event.optimizer == {}


def in_rows(reference, ids, length):
    """The loss over rows that do not overlap, each begun without a context."""
    rows = [ids[start : start + length + 1] for start in range(0, len(ids) - 1, length)]
    return -np.concatenate([np.log(reference.probabilities(row))[1:] for row in rows]).mean()


def test_a_snapshot_for_every_order(counted, tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(counted))
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
    plan, long = tiny_plan(counted), dataclasses.replace(data, validation=data.train)
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


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_counts_are_one_sentence(damage, counted, tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(counted))
    for _ in recording.record(run, train(run.plan, data)):
        pass
    path = run.directory / "snapshots" / "00000007.safetensors"
    tensors = load_file(path)
    damage(tensors)
    save_file(tensors, path)
    with pytest.raises(RunProblem, match="does not fit"):
        run.model()


def test_on_tiny_shakespeare_it_is_a_hard_line_to_cross(counted):
    """Order 5 and order 7 over the whole validation split, in rows of 1,024."""
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    data = runs.data_for(corpora.load("tiny_shakespeare"))
    losses = {e.step: e.loss for e in train(counted.plan(), data) if isinstance(e, Evaluated)}
    assert losses[5] == pytest.approx(1.5641, abs=1e-4) and losses[5] <= 1.57
    assert losses[7] == pytest.approx(1.5199, abs=1e-4) and losses[7] <= 1.53


def test_a_large_alphabet_needs_no_memory_for_all_its_pairs():
    """Rows still sum to one, and follow the counts, with 3,000 characters."""
    ids = np.random.default_rng(1).integers(0, 3000, 4000)
    model = Ngram(NgramConfig(order=2), 3000)
    counting = Counting(ids, 3000)
    counting.longer()
    counting.longer()
    model.hold(counting.counts)
    p = model(torch.from_numpy(ids[:50])[None]).exp()[0]
    torch.testing.assert_close(p.sum(dim=-1), torch.ones(50), atol=1e-4, rtol=0)
    exact = KneserNey.count(ids, 3000, 2).next_probabilities(ids[:50])
    torch.testing.assert_close(p[-1], torch.from_numpy(exact).float(), atol=1e-6, rtol=1e-3)
