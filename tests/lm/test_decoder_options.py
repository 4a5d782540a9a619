"""The decoder's options: each does what its help says, alone and with the others."""

import math

import pytest
import torch
import torch.nn.functional as F

from lm.costs.sizes import count_parameters
from lm.errors import SettingsProblem
from lm.inside.inspection import inspect
from lm.ladder import RUNGS
from lm.layers import (
    FeedForward,
    NgramEmbedding,
    RotaryPositions,
    SelfAttention,
    causal,
    make_norm,
    pattern,
)
from lm.settings import describe

DECODER = RUNGS["decoder_transformer"]
VOCABULARY = 23
EACH = {
    f"{field.name}={choice}": {field.name: choice}
    for field in describe(DECODER.config)
    if field.group == "architecture"
    for choice in (field.choices or (not field.default,))
    if choice != field.default
}
ALL = {
    "positions": "rotary",
    "norm": "rms",
    "activation": "swiglu",
    "qk_norm": True,
    "tie_weights": True,
    "zero_init": True,
    "ngram_embedding": "trigram",
    "bias": False,
}


@pytest.fixture(params=[*EACH.values(), ALL], ids=[*EACH, "all"])
def options(request):
    return request.param


@pytest.fixture
def model(options, tiny_config):
    torch.manual_seed(0)
    return DECODER.model(tiny_config(DECODER, **options), VOCABULARY).eval()


def some_tokens(*shape):
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(5))


def test_every_option_is_tried_together():
    assert set(ALL) == {f.name for f in describe(DECODER.config) if f.group == "architecture"}


def test_the_first_loss_is_that_of_knowing_nothing(model):
    tokens = some_tokens(8, 17)
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(VOCABULARY), abs=0.1)


def test_no_position_sees_the_future(options, tiny_config):
    torch.manual_seed(0)
    config = tiny_config(DECODER, **options | {"zero_init": False})
    model, tokens = DECODER.model(config, VOCABULARY).eval(), some_tokens(2, 16)
    before = model(tokens)
    for t in range(16):
        changed = tokens.clone()
        changed[:, t] = (changed[:, t] + 1) % VOCABULARY
        after = model(changed)
        torch.testing.assert_close(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


def test_every_parameter_gets_a_gradient(options, tiny_config):
    torch.manual_seed(0)
    config = tiny_config(DECODER, **options | {"zero_init": False})
    model, tokens = DECODER.model(config, VOCABULARY), some_tokens(8, 16)
    F.cross_entropy(model(tokens).flatten(0, 1), tokens.roll(-1, 1).flatten()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_can_be_learned_by_heart(model):
    """Also from zero-initialised outputs."""
    model, tokens = model.train(), some_tokens(4, 17)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(250):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        if loss.item() < 0.3:
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    pytest.fail(f"the loss is {loss.item():.2f}")


def test_shorter_rows_give_the_same_scores(model):
    tokens = some_tokens(2, 16)
    torch.testing.assert_close(model(tokens[:, :5]), model(tokens)[:, :5])


def test_attention_can_be_looked_at(model):
    seen = inspect(model, some_tokens(1, 16)[0])
    for weights in seen.attention:
        torch.testing.assert_close(torch.from_numpy(weights).sum(-1), torch.ones(2, 16))


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_weights_shown_are_those_that_act(rotary, qk_norm):
    """The page's weights, put into the layer's own values, give the layer's own output."""
    torch.manual_seed(0)
    rotate = RotaryPositions(8, 16) if rotary else None
    attention = SelfAttention(32, 4, causal(16), rotary=rotate, qk_norm=qk_norm)
    torch.nn.init.normal_(attention.query_key_value.weight)
    x = torch.randn(2, 16, 32)
    value = attention.query_key_value(x)[..., 64:].view(2, 16, 4, 8).transpose(1, 2)
    weights, _ = pattern(attention, x)
    found = (weights @ value).transpose(1, 2).reshape(2, 16, 32)
    torch.testing.assert_close(attention.projection(found), attention(x), atol=1e-4, rtol=1e-4)


# Rotary positions


def test_rotation_keeps_lengths_and_leaves_position_zero_alone():
    x = torch.randn(2, 3, 16, 8)
    rotated = RotaryPositions(8, 16)(x)
    torch.testing.assert_close(rotated.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(rotated[..., 0, :], x[..., 0, :])
    assert not torch.allclose(rotated[..., 1:, :], x[..., 1:, :])


def test_scores_depend_on_the_distance_only():
    rotary, generator = RotaryPositions(8, 64), torch.manual_seed(0)
    q, k = torch.randn(8, generator=generator), torch.randn(8, generator=generator)
    scores = rotary(q.expand(64, 8)) @ rotary(k.expand(64, 8)).mT  # one query, one key, everywhere
    for distance in (-20, -1, 0, 3, 40):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    assert scores[0].std() > 0.1


def test_rotation_may_start_at_any_position():
    rotary, x = RotaryPositions(8, 16), torch.randn(2, 3, 16, 8)
    torch.testing.assert_close(rotary(x[..., 5:9, :], start=5), rotary(x)[..., 5:9, :])


def test_rotary_heads_have_an_even_size():
    with pytest.raises(
        SettingsProblem, match=r"each head has an odd number, 5: .* multiple of 8, or learned"
    ):
        DECODER.config.make(n_embd=20, n_head=4, positions="rotary")


# The parts


def test_rms_norm_divides_by_the_root_mean_square():
    x = torch.randn(3, 5, 8)
    expected = x / x.square().mean(dim=-1, keepdim=True).sqrt()
    torch.testing.assert_close(make_norm("rms", 8)(x), expected)
    assert torch.equal(make_norm("rms", 4)(torch.zeros(2, 4)), torch.zeros(2, 4))
    assert not list(make_norm("rms", 8).parameters())


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda x: x * (x > 0)),
        ("gelu", lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2),
        ("squared_relu", lambda x: x * x * (x > 0)),
        ("swiglu", lambda x: x[..., :11] * torch.sigmoid(x[..., :11]) * x[..., 11:]),
    ],
)
def test_activations(activation, formula):
    torch.manual_seed(0)
    part, x = FeedForward(4, activation), torch.randn(3, 4)
    torch.testing.assert_close(part(x), part.narrow(formula(part.widen(x))))


@pytest.mark.parametrize("n_embd", [48, 64, 128])
def test_every_activation_has_about_as_many_weights(n_embd):
    sizes = [count_parameters(FeedForward(n_embd, a, bias=False)) for a in ("relu", "swiglu")]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


def test_zero_initialised_blocks_add_nothing(tiny_config):
    model = DECODER.model(tiny_config(DECODER, zero_init=True, n_layer=2, bias=False), VOCABULARY)
    x = torch.randn(2, 16, 16)
    for block in model.blocks:
        assert torch.equal(block(x), x)


def test_tied_weights_are_one_matrix_counted_once(tiny_config):
    tied = DECODER.model(tiny_config(DECODER, tie_weights=True), VOCABULARY)
    free = DECODER.model(tiny_config(DECODER), VOCABULARY)
    assert tied.head.weight is tied.token_embedding.weight
    assert count_parameters(free) - count_parameters(tied) == VOCABULARY * 16


def test_without_biases_there_are_none(tiny_config):
    model = DECODER.model(tiny_config(DECODER, bias=False), VOCABULARY)
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]


@pytest.mark.parametrize(("kind", "reach"), [("bigram", 1), ("trigram", 2)])
def test_an_ngram_embedding_looks_back_so_far(kind, reach, tiny_config):
    """With blocks that add nothing yet, only the n-gram vectors depend on earlier tokens."""
    torch.manual_seed(0)
    options = {"zero_init": True, "bias": False, "ngram_embedding": kind, "positions": "rotary"}
    model = DECODER.model(tiny_config(DECODER, **options), VOCABULARY)
    tokens = some_tokens(1, 16)
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % VOCABULARY
    differ = (model(tokens) != model(changed)).any(dim=-1)[0]
    assert differ.nonzero().flatten().tolist() == list(range(5, 6 + reach))


@pytest.mark.parametrize("vocab_size", [2, 65, 5000])
def test_any_alphabet_finds_its_rows(vocab_size):
    embedding = NgramEmbedding(3, vocab_size, 4)
    assert embedding(torch.tensor([[0, vocab_size - 1] * 8]), last=16).shape == (1, 16, 4)


def test_an_ngram_embedding_is_the_same_wherever_the_text_is_cut():
    """The last positions of a longer text: their vectors need the two tokens before them, and no more."""
    embedding, text = NgramEmbedding(3, VOCABULARY, 4), some_tokens(2, 16)
    whole = embedding(text, last=16)
    for start in (0, 1, 2, 7):
        assert torch.equal(embedding(text[:, start:], last=14 - start), whole[:, start + 2 :])
