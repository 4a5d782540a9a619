"""One step of training: its schedule, its optimisers, noise in what is read, gradients that are too long."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lm.ladder import RUNGS
from lm.sizes import count_parameters
from lm.tasks import Batch
from lm.training.config import TrainingConfig
from lm.training.events import ChangeLearningRate, Checkpoint, Step
from lm.training.gradient import mean_loss, noisy
from lm.training.loop import train
from lm.training.optimizers import (
    AdamW,
    Muon,
    learning_rate_factor,
    make_optimizers,
    orthogonalised,
)
from tests.lm.events import plain
from tests.lm.toy_models import FrozenAndUnused

DECODER = RUNGS["decoder_transformer"]


def test_noise_swaps_a_share_of_what_is_read():
    torch.manual_seed(0)
    tokens = torch.randint(50, (40, 100))
    assert noisy(tokens, 0.0) is tokens
    swapped = noisy(tokens, 0.2)
    assert (swapped != tokens).float().mean() == pytest.approx(0.2 * 49 / 50, abs=0.02)
    assert swapped.unique().tolist() == list(range(50))


@given(
    st.integers(1, 2000),
    st.integers(0, 3000),
    st.sampled_from(["constant", "linear", "cosine"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_the_learning_rate_is_never_zero_and_never_above_its_peak(steps, warmup, decay, hold, end):
    training = TrainingConfig.make(
        steps=steps, warmup_steps=warmup, decay=decay, hold=hold, final_learning_rate=end
    )
    factors = [learning_rate_factor(step, training) for step in range(steps)]
    assert factors[0] > 0
    assert factors[-1] > 0
    assert all(0 < factor <= 1 for factor in factors)
    rising, falling = factors[:warmup], factors[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert not falling or falling[0] == 1


@pytest.mark.parametrize(("decay", "half"), [("constant", 1), ("linear", 0.5), ("cosine", 0.5)])
def test_half_way(decay, half):
    training = TrainingConfig.make(steps=1100, warmup_steps=100, decay=decay)
    assert learning_rate_factor(600, training) == pytest.approx(half)


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_held_and_then_lowered_to_a_share(decay):
    training = TrainingConfig.make(
        steps=1100, warmup_steps=100, decay=decay, hold=0.4, final_learning_rate=0.1
    )
    factors = [learning_rate_factor(step, training) for step in range(1100)]
    assert set(factors[100:501]) == {1.0}
    assert factors[501] < 1
    assert factors[800] == pytest.approx(0.55)
    assert factors[-1] == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_matrices_decay(network, tiny_config, optimizer):
    model = network.model(tiny_config(network), 23)
    training = TrainingConfig.make(weight_decay=0.3, optimizer=optimizer)
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    seen = []
    for made in make_optimizers(model, training):
        for parameter in made.parameters:
            assert made.weight_decay == (0.3 if id(parameter) in matrices else 0.0)
            seen.append(id(parameter))
    assert sorted(seen) == sorted(id(parameter) for parameter in model.parameters())  # each once


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 32)])
def test_orthogonalised_matrices_keep_their_directions_and_lose_their_sizes(shape):
    """U S Vᵀ becomes U S' Vᵀ with all of S' near 1, whatever S was and whatever else is in the batch."""
    torch.manual_seed(0)
    U, _, V = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    S = torch.logspace(0, -1.5, 8, dtype=torch.float64)
    for size in (1e-6, 1.0, 1e6):
        others = [torch.randn(8, 16, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)]
        (evened, *_) = orthogonalised([U @ torch.diag(S * size) @ V, *others])
        inner = U.mT @ evened @ V.mT
        assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-7)
        assert inner.diagonal().min() > 0.3
        assert inner.diagonal().max() < 1.3


def test_muon_knows_what_its_products_take():
    shapes = [(8, 8), (24, 8), (8, 32), (6, 5)]
    muon = Muon([nn.Parameter(torch.randn(shape)) for shape in shapes], 0.1, 0.0)
    with FlopCounterMode(display=False) as counter:
        orthogonalised(muon.parameters)
    assert muon.flops() == counter.get_total_flops()


def test_adamw_is_torchs_to_the_last_digit():
    """Also with a learning rate that changes."""
    torch.manual_seed(0)
    begun = [torch.randn(5, 3), torch.randn(3), torch.randn(())]
    ours, theirs = ([nn.Parameter(tensor.clone()) for tensor in begun] for _ in range(2))
    adamw = AdamW(ours, 0.01, 0.1, beta2=0.99)
    reference = torch.optim.AdamW(theirs, 0.01, (0.9, 0.99), weight_decay=0.1, fused=True)
    for step in range(20):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        reference.param_groups[0]["lr"] = 0.01 * (1 - step / 20)
        reference.step()
        adamw.step(1 - step / 20)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(ours[0], begun[0])


def test_orthogonalised_zero_is_zero():
    (still,) = orthogonalised([torch.zeros(4, 6)])
    assert torch.equal(still, torch.zeros(4, 6))


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


def test_muon_steps_have_the_size_of_its_learning_rate():
    """A wide matrix moves by a matrix of singular values near lr; a tall one by √(rows / columns) more."""
    torch.manual_seed(0)
    for rows, columns, expected in ((8, 16, 0.1), (32, 8, 0.2)):
        matrix = nn.Parameter(torch.zeros(rows, columns))
        optimizer = Muon([matrix], learning_rate=0.1, weight_decay=0.0)
        matrix.grad = torch.randn(rows, columns) * 1e-3
        optimizer.step()
        sizes = torch.linalg.svdvals(matrix.detach())
        assert sizes.max() < 1.3 * expected
        assert sizes.mean() > 0.6 * expected


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
