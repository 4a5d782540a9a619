"""Looking inside a model: the numbers that it computed with, and nothing left changed."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from lm.inspection import attention_layers, inspect, next_character_table
from lm.ladder import RUNGS
from lm.layers import SelfAttention, causal


@pytest.fixture
def model(rung, tiny_model):
    return tiny_model(rung, 23, dropout=0.5).train()


TOKENS = torch.arange(11) * 3 % 23


def test_shapes(rung, model, tiny_config):
    found = inspect(model, TOKENS)
    config = tiny_config(rung)
    for weights in found.attention:
        assert weights.shape == (getattr(config, "n_head", 1), 11, 11)
    assert [mask.shape for mask in found.masks] == [(11, 11)] * len(found.attention)
    assert len(found.attention) == len(attention_layers(model))
    assert found.losses.shape == (10,)
    assert found.probabilities.shape == (11, 23)


def test_what_the_rungs_attend_with(tiny_config):
    layers = {}
    for name, rung in RUNGS.items():
        layers[name] = len(inspect(rung.model(tiny_config(rung), 23), TOKENS).attention)
    expected = {
        "ngram": 0,
        "bigram": 0,
        "single_head_attention": 1,
        "multi_head_attention": 1,
        "single_block_transformer": 1,
        "decoder_transformer": 2,
    }
    assert {name: layers[name] for name in expected} == expected


def test_attention_rows_are_shares_of_what_the_mask_allows(model):
    """The rungs look back only; a weight of exactly 0 stands where the mask forbids, and nowhere else."""
    found = inspect(model, TOKENS)
    for weights, mask in zip(found.attention, found.masks, strict=True):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert np.array_equal(mask, np.tri(11, dtype=bool))
        assert np.array_equal(weights > 0, np.broadcast_to(mask, weights.shape))


def test_the_mask_shown_is_the_one_that_the_layer_carries():
    """The page must draw this model's mask, a window of two positions, and not the causal triangle."""
    window = causal(16).masked_fill(torch.ones(16, 16).tril(-2).bool(), -torch.inf)
    model = nn.Sequential(nn.Embedding(23, 12), SelfAttention(12, 3, window), nn.Linear(12, 23))
    (mask,) = inspect(model, TOKENS).masks
    assert np.array_equal(mask, np.tri(11, dtype=bool) & ~np.tri(11, k=-2, dtype=bool))


def test_losses_are_those_of_the_probabilities(model):
    found = inspect(model, TOKENS)
    given = found.probabilities[np.arange(10), TOKENS[1:].numpy()]
    np.testing.assert_allclose(found.losses, -np.log(given), rtol=1e-4)
    np.testing.assert_allclose(found.probabilities.sum(axis=-1), 1, rtol=1e-5)


@torch.inference_mode()
def test_each_layer_is_asked_about_its_own_input(tiny_model):
    """Asked directly with the x that a hook of the test caught, the layers give the same weights."""
    model, inputs = tiny_model(RUNGS["decoder_transformer"], 23).eval(), []
    layers = attention_layers(model)
    for layer in layers:
        layer.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    found = inspect(model, TOKENS)
    for layer, x, weights in zip(layers, inputs, found.attention, strict=True):
        np.testing.assert_array_equal(layer.pattern(x)[0][0].detach().numpy(), weights)
    assert not np.array_equal(*found.attention)


def test_another_thread_may_write_with_the_same_model(tiny_model):
    """Its forward passes, between ours, leave no layers in our answer."""
    model = tiny_model(RUNGS["decoder_transformer"], 23).eval()

    def read_elsewhere(*_):
        if threading.current_thread() is threading.main_thread():
            other = threading.Thread(target=model, args=(TOKENS[None, :5],))
            other.start()
            other.join()

    hook = model.blocks[1].register_forward_pre_hook(read_elsewhere)
    found = inspect(model, TOKENS)
    hook.remove()
    assert [weights.shape for weights in found.attention] == [(2, 11, 11)] * 2


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_left_behind(model, training):
    """Dropout is off while looking; hooks are removed; the mode is restored."""
    model.train(training)
    first, second = inspect(model, TOKENS), inspect(model, TOKENS)
    assert np.array_equal(first.probabilities, second.probabilities)
    assert model.training == training
    assert not any(part._forward_pre_hooks for part in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_nothing_is_left_behind_after_an_error(network, tiny_model):
    model = tiny_model(network, 23).train()
    with pytest.raises(IndexError):
        inspect(model, torch.tensor([99]))
    assert model.training
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_one_token_can_be_looked_at(model):
    found = inspect(model, TOKENS[:1])
    assert found.losses.shape == (0,)
    assert all(np.array_equal(w, np.ones_like(w)) for w in found.attention)


def test_the_next_character_table_holds_the_distribution_after_each_single_token(model):
    ids = np.array([0, 7, 13, 22])
    table = next_character_table(model, ids)
    assert table.shape == (4, 4)
    assert model.training
    for row, token in zip(table, ids, strict=True):
        alone = inspect(model, torch.tensor([token])).probabilities[0]
        np.testing.assert_allclose(row, alone[ids], rtol=1e-4, atol=1e-6)
