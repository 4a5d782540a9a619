"""A training run from outside: not advanced, commanded, stopped and gone on with."""

import dataclasses
import math

import pytest
from torch import nn

from lm.errors import SettingsProblem
from lm.ladder import RUNGS
from lm.training.events import (
    ChangeLearningRate,
    Checkpoint,
    Evaluating,
    LearningRateChanged,
    Step,
    TakeCheckpoint,
)
from lm.training.loop import train
from tests.conftest import of_typical_rungs
from tests.lm.events import plain, told

DECODER = RUNGS["decoder_transformer"]


# Pausing, stepping, stopping, commands


def test_a_generator_that_is_not_advanced_does_nothing(text_network, tiny_plan, data):
    """Pause is not asking; one step is asking once; stop is close()."""
    calls = []

    class Counted(nn.Module):
        def __init__(self, config, vocab_size):
            super().__init__()
            self.inner = text_network.model(config, vocab_size)

        def forward(self, tokens):
            calls.append(self.training)
            return self.inner(tokens)

    events = train(tiny_plan(dataclasses.replace(text_network, model=Counted), steps=50), data)
    assert calls == []
    for event in events:
        if isinstance(event, Step):
            break
    assert calls.count(True) == 1
    before = len(calls)
    assert next(events).step == 2
    assert len(calls) == before + 1
    events.close()
    assert len(calls) == before + 1
    with pytest.raises(StopIteration):
        next(events)


def test_the_learning_rate_can_be_changed(network, tiny_plan, data):
    plan = tiny_plan(network, steps=20, warmup_steps=0, decay="linear", learning_rate=0.01)
    events, rates = train(plan, data), {}
    for event in events:
        if isinstance(event, Step):
            rates[event.step] = event.learning_rate
            if event.step == 7:
                changed = events.send(ChangeLearningRate(0.002))
                assert changed == LearningRateChanged(7, 0.002)
        if isinstance(event, Checkpoint):
            assert event.learning_rate == (0.01 if event.step < 7 else 0.002)
    for step in range(1, 21):  # the schedule goes on, scaled to the new peak
        peak = 0.01 if step <= 7 else 0.002
        assert rates[step] == pytest.approx(peak * (21 - step) / 20)


def test_the_same_learning_rate_again_is_no_news(tiny_plan, data):
    events = train(tiny_plan(DECODER, steps=3, learning_rate=0.01), data)
    told = [next(events)]
    for rate in (0.01, 0.002, 0.002):
        told.append(events.send(ChangeLearningRate(rate)))
    told += events
    assert [e.learning_rate for e in told if isinstance(e, LearningRateChanged)] == [0.002]
    assert [e.step for e in told if isinstance(e, Step)] == [1, 2, 3]


def test_a_changed_rate_moves_the_weights_less(tiny_plan, data):
    def moved(rate):
        events = train(tiny_plan(DECODER, steps=1, warmup_steps=0, weight_decay=0.0), data)
        next(events)
        before = {name: t.clone() for name, t in next(events).weights.items()}
        events.send(ChangeLearningRate(rate))
        after = [e for e in events if isinstance(e, Checkpoint)][-1].weights
        return sum((after[name] - t).abs().sum().item() for name, t in before.items())

    assert moved(1e-4) == pytest.approx(moved(1e-3) / 10, rel=0.01)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0, 0.0, 2.0])
def test_an_impossible_learning_rate_is_refused(rate):
    with pytest.raises(SettingsProblem, match="Learning rate"):
        ChangeLearningRate(rate)


def test_a_checkpoint_can_be_taken_after_any_event(rung, tiny_plan, data):
    events = train(tiny_plan(rung), data)
    step = 0
    for event in events:
        step = event.step if isinstance(event, Step) else step
        taken = events.send(TakeCheckpoint())
        assert isinstance(taken, Checkpoint)
        assert taken.step == step
        assert taken.replay


@of_typical_rungs
def test_going_on_from_any_checkpoint_equals_never_having_stopped(rung, tiny_plan, data):
    """Taken after every single event, also in the middle of an evaluation and of a step's end."""
    plan = tiny_plan(rung, dropout=0.3, steps=5, evaluate_every=3, order=3)
    events, undisturbed, taken = train(plan, data), [], []
    for event in events:
        undisturbed.append(plain(event))
        checkpoint = events.send(TakeCheckpoint())
        weights = {name: t.clone() for name, t in checkpoint.weights.items()}
        optimizer = {name: t.clone() for name, t in checkpoint.optimizer.items()}
        taken.append(dataclasses.replace(checkpoint, weights=weights, optimizer=optimizer))

    def lasting(events):  # an evaluation may begin again, and what is saved may be saved again
        return [e for e in events if not isinstance(e, Evaluating | Checkpoint)]

    for place, checkpoint in enumerate(taken):
        resumed = told(train(plan, data, resume=checkpoint))
        assert lasting(resumed) == lasting(undisturbed[place + 1 :])
        last = resumed[-1] if resumed else plain(checkpoint)
        if isinstance(last, Checkpoint):
            assert last.weights == undisturbed[-1].weights
            assert last.optimizer == undisturbed[-1].optimizer


def test_going_on_with_muon_equals_never_having_stopped(tiny_plan, data):
    options = {"tie_weights": True, "token_noise": 0.2, "dropout": 0.2}
    plan = tiny_plan(DECODER, optimizer="muon", steps=8, evaluate_every=3, **options)
    checkpoints = [e for e in told(train(plan, data)) if isinstance(e, Checkpoint)]
    events = train(plan, data)
    middle = next(e for e in events if isinstance(e, Checkpoint) and e.step == 4)
    resumed = told(train(plan, data, resume=middle))
    last = [e for e in resumed if isinstance(e, Checkpoint)][-1]
    assert last.weights == checkpoints[-1].weights
    assert last.optimizer == checkpoints[-1].optimizer


def test_a_checkpoint_holds_all_that_the_optimiser_knows(network, tiny_plan, data):
    plan = tiny_plan(network)
    last = [e for e in train(plan, data) if isinstance(e, Checkpoint)][-1]
    for name, _ in network.model(plan.model, data.tokenizer.vocab_size).named_parameters():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            assert f"{name}:{key}" in last.optimizer
