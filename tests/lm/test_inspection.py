"""Looking inside a model: the numbers that it computed with, and nothing left changed."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from lm.errors import SettingsProblem
from lm.evaluation import evaluate
from lm.inside.ablation import Cost, cost_of, without_heads
from lm.inside.inspection import (
    attention_layers,
    inspect,
    layer_by_layer,
    next_character_table,
    one_score,
    surprise,
)
from lm.ladder import RUNGS, text_models
from lm.layers import SelfAttention, causal, pattern


@pytest.fixture
def model(text_rung, tiny_model):
    return tiny_model(text_rung, 23, dropout=0.5).train()


TOKENS = torch.arange(11) * 3 % 23


def test_shapes(text_rung, model, tiny_config):
    found = inspect(model, TOKENS)
    config = tiny_config(text_rung)
    for weights in found.attention:
        assert weights.shape == (getattr(config, "n_head", 1), 11, 11)
    assert [mask.shape for mask in found.masks] == [(11, 11)] * len(found.attention)
    assert len(found.attention) == len(attention_layers(model))
    assert found.losses.shape == (10,)
    assert found.probabilities.shape == (11, 23)


def test_what_the_rungs_attend_with(tiny_config):
    layers = {}
    for name, rung in text_models().items():
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
        np.testing.assert_array_equal(pattern(layer, x)[0][0].detach().numpy(), weights)
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


def test_nothing_is_left_behind_after_an_error(text_network, tiny_model):
    model = tiny_model(text_network, 23).train()
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


def test_the_mean_surprise_is_the_loss(model):
    """Whatever the length, also one that the context does not divide; a text of one token has no surprise."""
    text = torch.randint(23, (100,), generator=torch.Generator().manual_seed(2))
    assert surprise(model, text, 16).mean() == pytest.approx(
        evaluate(model, text, 16).loss, abs=1e-5
    )
    assert len(surprise(model, text[:1], 16)) == 0


# One score


@pytest.mark.parametrize("row,column", [(7, 3), (7, 7), (4, 9)])
def test_one_score_is_the_arithmetic_of_the_model(text_rung, tiny_model, tiny_config, row, column):
    """q · k / √D + mask, the softmax of its row, and the weight that `inspect` shows, to 1e-5."""
    model = tiny_model(text_rung, 23)
    seen = inspect(model, TOKENS)
    for layer, weights in enumerate(seen.attention):
        for head in range(len(weights)):
            found = one_score(model, TOKENS, layer, head, row, column)
            D = tiny_config(text_rung).n_embd // len(weights)
            assert found.query.shape == found.key.shape == found.value.shape == (D,)
            assert found.divisor == pytest.approx(D**0.5)
            assert found.product == pytest.approx(float(found.query @ found.key), abs=1e-5)
            score = found.product / found.divisor + found.mask
            assert found.scores[column] == pytest.approx(score, abs=1e-5)
            assert found.weight == pytest.approx(weights[head, row, column], abs=1e-5)
            exponentials = np.exp(found.scores - found.scores.max())
            np.testing.assert_allclose(
                exponentials / exponentials.sum(), weights[head, row], atol=1e-5
            )
            assert (found.mask == 0) == seen.masks[layer][row, column]


def test_one_score_of_a_model_that_does_not_divide(tiny_config):
    rung = RUNGS["decoder_transformer"]
    model = rung.model(tiny_config(rung, scale_scores=False), 23)
    assert one_score(model, TOKENS, 1, 0, 5, 2).divisor == 1


@pytest.mark.parametrize("asked", [(2, 0, 0, 0), (0, 9, 0, 0), (0, 0, 11, 0), (0, 0, 0, -1)])
def test_a_cell_that_is_not_there_is_refused(tiny_config, asked):
    rung = RUNGS["decoder_transformer"]
    with pytest.raises(SettingsProblem, match=r"There is no (layer|head|row|column)"):
        one_score(rung.model(tiny_config(rung), 23), TOKENS, *asked)


# Layer by layer


@pytest.mark.parametrize("name", ["single_block_transformer", "decoder_transformer"])
def test_layer_by_layer_ends_with_the_prediction(name, tiny_model):
    model = tiny_model(RUNGS[name], 23)
    found = layer_by_layer(model, TOKENS)
    assert len(found) == 1 + len(attention_layers(model))
    np.testing.assert_allclose(found[-1], inspect(model, TOKENS).probabilities, atol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    first = model.read_out(
        model.token_embedding(TOKENS[None]) + model.position_embedding.weight[:11]
    )
    np.testing.assert_allclose(found[0], first[0].softmax(-1).detach().numpy(), atol=1e-5)


def test_a_model_without_blocks_has_no_layers_to_look_between(tiny_model):
    with pytest.raises(SettingsProblem, match="no blocks"):
        layer_by_layer(tiny_model(RUNGS["bigram"], 23), TOKENS)


# Heads switched off


def attending(tiny_model, rung):
    model = tiny_model(rung, 23)
    for parameter in model.parameters():  # large enough that every head matters
        nn.init.normal_(parameter, std=0.3)
    return model


def test_a_head_that_is_off_adds_nothing(text_rung, tiny_model):
    """With every head off, a token's prediction does not depend on other tokens."""
    model = attending(tiny_model, text_rung)
    layers = [layer.value_matrices() for layer in attention_layers(model)]
    heads = [(n, h) for n, matrices in enumerate(layers) for h in range(len(matrices))]
    if not heads:
        with pytest.raises(SettingsProblem, match="no head 1 in layer 1"):
            without_heads(model, [(0, 0)])
        return
    before = inspect(model, TOKENS).logits
    changed = TOKENS.clone()
    changed[:5] = 22
    none = without_heads(model, heads)
    np.testing.assert_allclose(
        inspect(none, TOKENS).logits[6:], inspect(none, changed).logits[6:], atol=1e-5
    )
    assert np.abs(before[6:] - inspect(model, changed).logits[6:]).max() > 1e-3
    for head in heads:  # each one matters, and the model itself is as it was
        assert np.abs(inspect(without_heads(model, [head]), TOKENS).logits - before).max() > 1e-4
    np.testing.assert_array_equal(inspect(model, TOKENS).logits, before)
    with pytest.raises(SettingsProblem, match=f"no head {len(layers[0]) + 1} in layer 1"):
        without_heads(model, [(0, len(layers[0]))])


def test_the_cost_of_a_head_is_the_difference_of_two_evaluations(tiny_model):
    """Over the whole text it is exact; over a part, the true difference lies within the margin."""
    model = attending(tiny_model, RUNGS["decoder_transformer"])
    changed = without_heads(model, [(1, 0)])
    text = torch.randint(23, (16 * 300 + 1,), generator=torch.Generator().manual_seed(3))
    whole = [evaluate(each, text, 16).loss for each in (model, changed)]
    *_, last = cost_of(model, changed, text, 16, exact=0)
    assert last.characters == 16 * 300
    assert last.added == pytest.approx(whole[1] - whole[0], abs=1e-5)
    assert last.loss == pytest.approx(whole[1], abs=1e-5)
    *_, pieces = cost_of(model, changed, text, 16, exact=0, characters_per_token=2.5)
    assert pieces.characters == 16 * 750 and pieces.margin == pytest.approx(last.margin / 2.5)
    assert (pieces.loss, pieces.added) == pytest.approx((last.loss / 2.5, last.added / 2.5))
    *_, some = cost_of(model, changed, text[: 16 * 100 + 1], 16, exact=1.0)
    assert isinstance(some, Cost) and some.margin < 1.0
    assert abs(some.added - last.added) < 2 * some.margin
