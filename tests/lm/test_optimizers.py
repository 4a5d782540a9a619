"""AdamW is torch's, Muon evens out singular values, and parameters without a gradient are left alone."""

import pytest
import torch
from torch import nn

from lm.training.config import TrainingConfig
from lm.training.optimizers import (
    AdamW,
    Muon,
    make_optimizers,
    orthogonalised,
    restore_state,
    state_tensors,
)


def test_adamw_is_torchs():
    """To rounding, also with a learning rate that changes, and with a gradient that is missing at times."""
    torch.manual_seed(0)
    begun = [torch.randn(5, 3), torch.randn(3), torch.randn(())]
    ours, theirs = ([nn.Parameter(tensor.clone()) for tensor in begun] for _ in range(2))
    adamw = AdamW(ours, 0.01, 0.1, beta2=0.99)
    reference = torch.optim.AdamW(theirs, 0.01, (0.9, 0.99), weight_decay=0.1)
    for step in range(20):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            used = number or step % 3
            one.grad = torch.randn_like(one) if used else None
            other.grad = one.grad.clone() if used else None
        reference.param_groups[0]["lr"] = 0.01 * (1 - step / 20)
        reference.step()
        adamw.step(1 - step / 20)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert adamw.state[one].keys() == reference.state[other].keys()
        assert adamw.state[one]["step"] == reference.state[other]["step"]
    assert not torch.allclose(ours[0], begun[0])


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
    """U S Vᵀ becomes U S' Vᵀ with all of S' near 1, whatever S and its scale were."""
    torch.manual_seed(0)
    U, _, V = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    S = torch.logspace(0, -1.5, 8, dtype=torch.float64)
    for size in (1e-6, 1.0, 1e6):
        evened = orthogonalised(U @ torch.diag(S * size) @ V)
        inner = U.mT @ evened @ V.mT
        assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-7)
        assert inner.diagonal().min() > 0.3
        assert inner.diagonal().max() < 1.3


def test_orthogonalised_zero_is_zero():
    assert torch.equal(orthogonalised(torch.zeros(4, 6)), torch.zeros(4, 6))


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


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_frozen_and_unused_parameters_are_left_alone(optimizer):
    """Also one that is frozen with an old gradient; none of them decays, and none takes memory."""
    torch.manual_seed(0)
    model = nn.ModuleDict({name: nn.Linear(4, 4) for name in ("frozen", "late", "unused", "used")})
    model["frozen"].requires_grad_(False)
    model["head"] = nn.Linear(4, 4)
    optimizers = make_optimizers(model, TrainingConfig.make(optimizer=optimizer, weight_decay=0.5))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.randn(3, 4)
    model["head"](model["used"](model["late"](model["frozen"](x)))).sum().backward()
    model["late"].requires_grad_(False)
    for made in optimizers:
        made.step()
    changed = {
        name for name, tensor in model.state_dict().items() if (tensor != before[name]).any()
    }
    assert changed == {"used.weight", "used.bias", "head.weight", "head.bias"}
    assert {name.partition(":")[0] for name in state_tensors(optimizers, model)} == changed


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_restored_optimizer_goes_on_exactly(optimizer):
    """The state is copied, not shared, and parameters that had none begin anew."""

    def begin():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4), nn.Linear(4, 2))
        training = TrainingConfig.make(optimizer=optimizer)
        return model, make_optimizers(model, training)

    def step(model, optimizers, number):
        x = torch.randn(3, 4, generator=torch.Generator().manual_seed(number))
        model.zero_grad()
        model(x).square().sum().backward()
        for made in optimizers:
            made.step()

    model, optimizers = begin()
    for number in range(3):
        step(model, optimizers, number)
    saved = {name: tensor.clone() for name, tensor in state_tensors(optimizers, model).items()}
    twin, others = begin()
    twin.load_state_dict(model.state_dict())
    restore_state(others, twin, saved)
    for number in range(3, 6):
        step(model, optimizers, number)
        step(twin, others, number)
    assert all(map(torch.equal, model.parameters(), twin.parameters()))
    kept = state_tensors(others, twin)
    assert all(not torch.equal(kept[name], tensor) for name, tensor in saved.items())
    restore_state(others, twin, {})
    assert state_tensors(others, twin) == {}
