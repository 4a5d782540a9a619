"""Taking a model apart: a switch that is off removes its part, in training and in writing."""

import pytest
import torch
import torch.nn.functional as F

from lm.costs.sizes import count_parameters
from lm.errors import SettingsProblem
from lm.generation import Reader, SamplingConfig, generate
from lm.inside.inspection import inspect
from lm.ladder import RUNGS, text_models
from lm.layers import FeedForward
from lm.models.single_head_attention import AttentionHead
from lm.models.switches import AttentionSwitches, BlockSwitches, OwnVector
from lm.settings import describe

VOCABULARY = 23
MODELS = [rung for rung in text_models().values() if issubclass(rung.config, AttentionSwitches)]
BLOCKS = [rung for rung in MODELS if issubclass(rung.config, BlockSwitches)]
HEADS = [rung for rung in MODELS if issubclass(rung.config, OwnVector)]
EVERY = [(rung, f.name) for rung in MODELS for f in describe(rung.config) if f.group == "apart"]


def made(tiny_config, rung, **settings):
    torch.manual_seed(0)
    return rung.model(tiny_config(rung, **settings), VOCABULARY).eval()


def some_tokens(*shape):
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(5))


def name(value):
    return value if isinstance(value, str) else value.name


def test_every_model_that_attends_has_the_switches_of_its_parts():
    counts = {rung.name: sum(rung is r for r, _ in EVERY) for rung in MODELS}
    assert counts == {
        "single_head_attention": 4,
        "multi_head_attention": 4,
        "single_block_transformer": 6,
        "decoder_transformer": 6,
    }
    for rung, switch in EVERY:
        assert rung.settings()[switch].default is True


@pytest.mark.parametrize(("rung", "switch"), EVERY, ids=name)
def test_a_model_without_a_part_learns_and_writes(rung, switch, tiny_config):
    # More do not learn without residuals.
    settings = {"n_layer": 1} if "n_layer" in rung.settings() else {}
    model, tokens = made(tiny_config, rung, **{switch: False}, **settings), some_tokens(8, 17)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert all(p.grad is not None for p in model.parameters())
    sampling = SamplingConfig.make(max_new_tokens=20)
    assert len(list(generate(model, some_tokens(3), 16, sampling))) == 20
    reader, text = Reader(model, 16), some_tokens(1, 20)
    with torch.inference_mode():
        for t in range(20):
            scores = reader.read(text[:, t : t + 1])
            torch.testing.assert_close(scores, model(reader.window)[:, -1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rung", MODELS, ids=name)
def test_without_the_mask_a_position_sees_what_follows(rung, tiny_config):
    tokens = some_tokens(1, 16)
    changed = tokens.clone()
    changed[0, -1] = (changed[0, -1] + 1) % VOCABULARY
    for masked in (True, False):
        model = made(tiny_config, rung, causal_mask=masked)
        assert torch.equal(model(tokens)[0, 0], model(changed)[0, 0]) == masked
        seen = inspect(model, tokens[0])
        assert all(mask.all() != masked for mask in seen.masks)
        assert all((weights[:, 0, 1:] > 0).all() != masked for weights in seen.attention)


@pytest.mark.parametrize("rung", MODELS, ids=name)
def test_without_scaling_the_scores_are_the_bare_products(rung, tiny_config):
    """softmax(QKᵀ + mask): the logarithm of the weights is √D times as far apart."""
    tokens = some_tokens(16)
    with_it, without = (
        inspect(made(tiny_config, rung, scale_scores=scaled), tokens).attention[0]
        for scaled in (True, False)
    )
    config = tiny_config(rung)
    D = config.n_embd // getattr(config, "n_head", 1)
    expected = torch.from_numpy(with_it).log().mul(D**0.5).softmax(-1)
    torch.testing.assert_close(torch.from_numpy(without), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("rung", MODELS, ids=name)
def test_without_positions_the_order_of_earlier_tokens_is_lost(rung, positions, tiny_config):
    """One layer of attention sums over a set: reversing what came before changes nothing."""
    settings = {"n_layer": 1, "positions": positions} if "n_layer" in rung.settings() else {}
    tokens = some_tokens(1, 16)
    reversed_ = torch.cat([tokens[:, :-1].flip(1), tokens[:, -1:]], dim=1)
    for known in (True, False):
        model = made(tiny_config, rung, know_positions=known, **settings)
        for parameter in model.parameters():  # large enough that attention matters
            torch.nn.init.normal_(parameter, std=0.3)
        same = torch.allclose(model(tokens)[0, -1], model(reversed_)[0, -1], atol=1e-6)
        assert same != known


@pytest.mark.parametrize("rung", HEADS, ids=name)
def test_without_its_own_vector_the_head_reads_attention_alone(rung, tiny_config):
    model = made(tiny_config, rung, own_vector=False)
    assert model.head.in_features == model.config.n_embd
    x = model.token_embedding(some_tokens(1, 16)) + model.position_embedding.weight
    torch.testing.assert_close(model(some_tokens(1, 16)), model.head(model.attention(x)))


@pytest.mark.parametrize("rung", BLOCKS, ids=name)
def test_without_the_residual_path_a_part_replaces_its_input(rung, tiny_config):
    model = made(tiny_config, rung, residual_path=False)
    block = model.block if hasattr(model, "block") else model.blocks[0]
    x = torch.randn(2, 16, model.config.n_embd)
    after = block.attention(block.attention_norm(x))
    after = block.feed_forward(block.feed_forward_norm(after))
    torch.testing.assert_close(block(x), after)


@pytest.mark.parametrize("rung", BLOCKS, ids=name)
def test_parts_that_are_off_are_not_there(rung, tiny_config):
    whole = made(tiny_config, rung)
    bare = made(tiny_config, rung, normalise=False)
    assert not [part for part in bare.modules() if isinstance(part, torch.nn.LayerNorm)]
    flat = made(tiny_config, rung, feed_forward=False)
    assert not [part for part in flat.modules() if isinstance(part, FeedForward)]
    lost = made(tiny_config, rung, know_positions=False)
    sizes = [count_parameters(model) for model in (bare, flat, lost)]
    assert max(sizes) < count_parameters(whole)


def test_a_decoder_through_which_nothing_passes_is_refused():
    with pytest.raises(SettingsProblem, match="switch zero-initialised outputs off"):
        RUNGS["decoder_transformer"].plan("speedrun", residual_path=False)


def test_an_attention_head_alone_can_be_taken_apart():
    torch.manual_seed(0)
    x = torch.randn(1, 8, 12)
    head = AttentionHead(12, 8, masked=False, scaled=False)
    q, k = head.query(x), head.key(x)
    torch.testing.assert_close(head(x), (q @ k.mT).softmax(-1) @ head.value(x))
