"""LoRA: the old model at first, the same sums merged or not, and nothing else learns."""

import pytest
import torch
from torch import nn

from lm.layers.lora import LoRA, merged


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Linear(12, 20)


@pytest.fixture
def x():
    return torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(1))


def test_it_begins_as_the_layer_that_it_adapts(linear, x):
    """Exactly: with a B that is not zero, a model would be worse before it has learned anything."""
    assert torch.equal(LoRA(linear, 4, 16.0)(x), linear(x))


def test_only_the_small_matrices_learn(linear, x):
    lora = LoRA(linear, 4, 16.0)
    nn.init.normal_(lora.up)
    lora(x).square().sum().backward()
    learned = {name for name, one in lora.named_parameters() if one.grad is not None}
    assert learned == {"down", "up"}
    assert lora.down.numel() + lora.up.numel() == 4 * (12 + 20)


def test_added_up_it_computes_the_same(linear, x):
    """Also the factor α / r, which is 4 here: a merge without it would be off by much more than 1e-5."""
    lora = LoRA(linear, 4, 16.0)
    nn.init.normal_(lora.up)
    before, expected = linear.weight.detach().clone(), lora(x)
    learned = {"layer.down": lora.down.detach(), "layer.up": lora.up.detach()}
    whole = merged({"layer.weight": before, "layer.bias": linear.bias}, learned, 16.0 / 4)
    found = nn.functional.linear(x, whole["layer.weight"], whole["layer.bias"])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(linear.weight, before)
