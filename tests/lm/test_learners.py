"""One step of training: its schedule, its optimisers, noise in what is read, gradients that are too long."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from lm.costs.sizes import count_parameters
from lm.ladder import RUNGS
from lm.tasks import Batch
from lm.training.events import ChangeLearningRate, Checkpoint, Step
from lm.training.gradient import mean_loss, with_noise
from lm.training.loop import train
from tests.lm.events import plain
from tests.lm.toy_models import FrozenAndUnused

DECODER = RUNGS["decoder_transformer"]


def test_noise_swaps_a_share_of_what_is_read():
    torch.manual_seed(0)
    tokens = torch.randint(50, (40, 100))
    assert with_noise(tokens, 0.0) is tokens
    swapped = with_noise(tokens, 0.2)
    assert (swapped != tokens).float().mean() == pytest.approx(0.2 * 49 / 50, abs=0.02)
    assert swapped.unique().tolist() == list(range(50))


def test_muon_moves_hidden_matrices_and_adamw_the_rest(tiny_plan, data):
    plan = tiny_plan(DECODER, optimizer="muon")
    last = [e for e in train(plan, data) if isinstance(e, Checkpoint)][-1]
    by_muon = {n.partition(":")[0] for n in last.optimizer if n.endswith(":momentum")}
    by_adamw = {n.partition(":")[0] for n in last.optimizer if n.endswith(":exp_avg")}
    assert by_muon | by_adamw == set(last.weights)
    assert not by_muon & by_adamw
    assert {name.split(".", 2)[2] for name in by_muon} == {
        "attention.query_key_value.weight",
        "attention.projection.weight",
        "feed_forward.widen.weight",
        "feed_forward.narrow.weight",
    }


def test_a_changed_rate_scales_both_optimisers(tiny_plan, data):
    """Halving the peak before the first step halves what each step moves, Muon's part included."""

    def moved(factor):
        plan = tiny_plan(DECODER, optimizer="muon", steps=1, weight_decay=0.0)
        events = train(plan, data)
        checkpoint = next(e for e in events if isinstance(e, Checkpoint))
        before = {name: tensor.clone() for name, tensor in checkpoint.weights.items()}
        events.send(ChangeLearningRate(plan.training.learning_rate * factor))
        after = [e for e in events if isinstance(e, Checkpoint)][-1].weights
        return {name: (after[name] - before[name]).norm() for name in before}

    whole, half = moved(1.0), moved(0.5)
    for name in ("blocks.0.feed_forward.widen.weight", "token_embedding.weight"):
        assert float(half[name]) == pytest.approx(float(whole[name]) / 2, rel=0.01)


def test_a_long_gradient_is_shortened(tiny_plan, data):
    """AdamW forgives scale, so what is clipped is read from its memory after one step."""

    def first_mean(clip):
        plan = tiny_plan(DECODER, steps=1, gradient_clip=clip)
        *_, last = train(plan, data)
        means = [t for name, t in last.optimizer.items() if name.endswith(":exp_avg")]
        return math.sqrt(sum(t.square().sum().item() for t in means)) / (1 - 0.9)

    step = next(e for e in train(tiny_plan(DECODER, steps=1), data) if isinstance(e, Step))
    assert first_mean(0.0) == pytest.approx(step.grad_norm, rel=1e-4)
    assert first_mean(0.01) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_frozen_and_unused_parameters_stay_and_the_rest_learns(
    tiny_plan, data, begin, tmp_path, optimizer
):
    """Both are counted and saved, neither disturbs the clipping, and a run of them resumes."""
    rung = dataclasses.replace(RUNGS["bigram"], model=FrozenAndUnused)
    plan = tiny_plan(rung, optimizer=optimizer, gradient_clip=0.1)
    first, *_, last = [e for e in map(plain, train(plan, data)) if isinstance(e, Checkpoint)]
    for name in first.weights:
        assert (first.weights[name] == last.weights[name]) == (not name.startswith("head"))
    assert not any("embedding" in name or "unused" in name for name in last.optimizer)
    parameters = count_parameters(rung.model(plan.model, data.tokenizer.vocab_size))
    assert parameters == 17 * data.tokenizer.vocab_size + 72


def test_a_batchs_weights_say_how_much_each_target_counts():
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    losses = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    even = mean_loss(logits, Batch(targets, targets, torch.ones(2, 3)))
    assert even.item() == pytest.approx(losses.mean().item())
    assert mean_loss(logits, Batch(targets, targets)).item() == pytest.approx(even.item())
    one = torch.zeros(2, 3)
    one[1, 2] = 0.25
    assert mean_loss(logits, Batch(targets, targets, one)).item() == pytest.approx(losses[5].item())
