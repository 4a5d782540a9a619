"""A model of parts that no rung has: whatever is said to hold for every model holds for this one."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from lm import runs
from lm.costs.sizes import count_parameters, memory, outline
from lm.evaluation import evaluate
from lm.generation import SamplingConfig, generate
from lm.inside.inspection import attention_layers, inspect, next_character_table
from lm.ladder import RUNGS
from lm.runs import packing, recording
from lm.training.config import TrainingConfig
from lm.training.events import Step
from lm.training.loop import train
from lm.training.optimizers import make_optimizers
from tests.lm.recorded import record_all
from tests.lm.toy_models import Unusual


@pytest.fixture
def unusual(monkeypatch):
    """It is registered in place of the bigram."""
    rung = dataclasses.replace(RUNGS["bigram"], model=Unusual)
    monkeypatch.setitem(RUNGS, "bigram", rung)
    return rung


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Unusual(None, 23)


def test_its_size(unusual, tiny_plan, model):
    """An outline draws no random number, however the model draws its weights."""
    before = torch.get_rng_state()
    outlined = outline(tiny_plan(unusual), 23)
    assert torch.equal(torch.get_rng_state(), before)
    assert count_parameters(outlined) == count_parameters(model)
    assert count_parameters(model) == sum(
        (
            8 * 23 + 23,
            23 * 8,
            8 * 8 * 3 + 8,
            8 * 8,
            2 * 8 * 4,
            3 * 8 * 8 + 24 + 8 * 8 + 8,
            8 * 8 + 8,
        )
    )


def test_the_memory_of_a_step_grows_with_the_batch_as_much_as_what_it_keeps(unusual, tiny_plan):
    """The results that the backward pass of each part needs, also of einsum, convolution and attention."""
    sizes = {
        rows: memory(tiny_plan(unusual, batch_size=rows, context_length=64), 23)
        for rows in (100, 200)
    }
    per_row = (sizes[200] - sizes[100]) / 100
    least = 64 * 4 * (23 + 8 * 8)  # bytes: the logits, and one result of each part
    assert least < per_row < 20 * least


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_trained_parameter_has_one_optimizer(model, optimizer):
    """Muon takes the weights of linear layers except the last, the head; the frozen one has no optimizer."""
    made = make_optimizers(model, TrainingConfig.make(optimizer=optimizer, weight_decay=0.1))
    names = {parameter: name for name, parameter in model.named_parameters()}
    by = {type(one).__name__: set() for one in made}
    for one in made:
        by[type(one).__name__] |= {names[parameter] for parameter in one.parameters}
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert sum(len(one.parameters) for one in made) == len(trained)
    assert set().union(*by.values()) == trained
    if optimizer == "muon":
        assert by["Muon"] == {"attention.out_proj.weight"}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_it_is_trained_recorded_resumed_packed_and_writes(
    unusual, tiny_plan, begin, data, tmp_path, optimizer
):
    plan = tiny_plan(unusual, steps=40, evaluate_every=20, optimizer=optimizer, batch_size=16)
    run = begin(tmp_path / "run", plan)
    record_all(run, data)
    losses = [line["loss"] for line in run.metrics() if line["type"] == "step"]
    assert np.mean(losses[-5:]) < losses[0] - 0.2
    first, last = run.model(0)[0], run.model()[0]
    changed = {
        name
        for name, tensor in last.state_dict().items()
        if not torch.equal(tensor, first.state_dict()[name])
    }
    assert {name for name, p in last.named_parameters() if p.requires_grad} <= changed | {
        "attention.in_proj_bias"  # the biases of keys have no effect, so no gradient
    }
    assert not {name for name in changed if name.startswith("frozen")}

    again = begin(tmp_path / "again", plan)
    events = recording.record(again, train(plan, data))
    for event in events:
        if isinstance(event, Step) and event.step == 20:
            break
    while not again.directory.joinpath("resume.safetensors").exists():
        next(events)
    for event in events:
        if isinstance(event, Step) and event.step == 27:
            break
    events.close()
    checkpoint = recording.rewind(again)
    for _ in recording.record(again, train(plan, data, resume=checkpoint)):
        pass
    weights = again.model()[0].state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in last.state_dict().items())

    packing.pack(run, tmp_path / "packed", 2)
    packed = runs.open_run(tmp_path / "packed").model()[0]
    whole, small = (evaluate(one, data.validation, 8).loss for one in (last, packed))
    assert small == pytest.approx(whole, abs=0.01)
    written = generate(packed, data.train[:3], 8, SamplingConfig(max_new_tokens=20))
    assert len(list(written)) == 20


def test_looking_inside(model):
    """It has no part that shows its attention (`Attending`), so none is shown; the rest is."""
    assert attention_layers(model) == []
    found = inspect(model, torch.arange(11))
    assert found.attention == () and found.probabilities.shape == (11, 23)
    table = next_character_table(model, np.arange(23))
    assert table.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert isinstance(model, nn.Module) and model.training
