"""Looking inside a model: the same numbers that it computed with, and no trace left behind."""

import numpy as np
import pytest
import torch
from torch import nn

from lm.inspection import attention_layers, inspect, next_character_table
from lm.ladder import RUNGS
from lm.layers import CausalSelfAttention


@pytest.fixture
def model(rung, tiny_model):
    return tiny_model(rung, 23, dropout=0.5).train()


TOKENS = torch.arange(11) * 3 % 23


def test_shapes(rung, model, tiny_config):
    found = inspect(model, TOKENS)
    config = tiny_config(rung)
    for weights in found.attention:
        assert weights.shape == (getattr(config, "n_head", 1), 11, 11)
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


def test_attention_rows_are_shares_of_the_past(model):
    for weights in inspect(model, TOKENS).attention:
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert np.array_equal(weights, np.tril(weights))


def test_losses_are_those_of_the_probabilities(model):
    found = inspect(model, TOKENS)
    given = found.probabilities[np.arange(10), TOKENS[1:].numpy()]
    np.testing.assert_allclose(found.losses, -np.log(given), rtol=1e-4)
    np.testing.assert_allclose(found.probabilities.sum(axis=-1), 1, rtol=1e-5)


@torch.inference_mode()
def test_the_weights_are_those_that_the_layer_computed_with():
    """Put into the layer's own values, the weights give the layer's own output."""

    class Recorded(CausalSelfAttention):
        def forward(self, x):
            self.x, self.y = x, super().forward(x)
            return self.y

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(23, 12)
            self.layers = nn.Sequential(Recorded(12, 3), nn.Tanh(), Recorded(12, 3))
            self.head = nn.Linear(12, 23)

        def forward(self, tokens):
            return self.head(self.layers(self.embedding(tokens)))

    torch.manual_seed(0)
    model = Model()
    found = inspect(model, TOKENS)
    assert len(found.attention) == 2
    for layer, weights in zip(attention_layers(model), found.attention, strict=True):
        values = layer.query_key_value(layer.x).split(12, dim=-1)[2]
        values = values.view(1, 11, 3, 4).transpose(1, 2)
        gathered = (torch.from_numpy(weights)[None] @ values).transpose(1, 2).reshape(1, 11, 12)
        torch.testing.assert_close(layer.projection(gathered), layer.y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_left_behind(model, training):
    """Dropout is off while looking; hooks are taken away; the mode is put back."""
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


def test_the_next_character_table_is_what_the_model_says_after_one_token(model):
    table = next_character_table(model, 23)
    assert table.shape == (23, 23)
    assert model.training
    for token in (0, 7, 22):
        alone = inspect(model, torch.tensor([token])).probabilities[0]
        np.testing.assert_allclose(table[token], alone, rtol=1e-4, atol=1e-6)
