"""The decoder's options: each does what its help says, alone and with the others."""

import math

import pytest
import torch
import torch.nn.functional as F

from lm.errors import SettingsProblem
from lm.inspection import inspect
from lm.ladder import RUNGS
from lm.layers import CausalSelfAttention, Dropout, FeedForward, RotaryPositions, make_norm
from lm.layers.norms import rms_normalised
from lm.ngrams import Counting
from lm.settings import describe
from lm.sizes import count_parameters
from lm.tokenizers import CharacterTokenizer
from lm.training.events import Evaluated, Step
from lm.training.learners import Data
from lm.training.loop import train

DECODER = RUNGS["decoder_transformer"]
VOCABULARY = 23
EACH = {
    f"{field.name}={choice}": {field.name: choice}
    for field in describe(DECODER.config)
    if field.group == "architecture"
    for choice in (field.choices or (0.4 if field.kind == "float" else not field.default,))
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
    "ngram_share": 0.4,
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
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3


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
    torch.manual_seed(0)
    turn = RotaryPositions(8, 16) if rotary else None
    attention = CausalSelfAttention(32, 4, rotary=turn, qk_norm=qk_norm)
    torch.nn.init.normal_(attention.query_key_value.weight)
    x = torch.randn(2, 16, 32)
    value = attention.query_key_value(x)[..., 64:].view(2, 16, 4, 8).transpose(1, 2)
    found = (attention.attention_weights(x) @ value).transpose(1, 2).reshape(2, 16, 32)
    torch.testing.assert_close(attention.projection(found), attention(x), atol=1e-4, rtol=1e-4)


# Rotary positions


def test_turning_keeps_lengths_and_leaves_position_zero_alone():
    x = torch.randn(2, 16, 3, 8)
    turned = RotaryPositions(8, 16)(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])
    assert not torch.allclose(turned[:, 1:], x[:, 1:])


def test_scores_depend_on_the_distance_only():
    rotary, torch_seed = RotaryPositions(8, 64), torch.manual_seed(0)
    q, k = torch.randn(8, generator=torch_seed), torch.randn(8, generator=torch_seed)
    queries, keys = rotary(q.expand(1, 64, 8)), rotary(k.expand(1, 64, 8))
    scores = (queries @ keys.mT)[0]  # (64, 64): the same query and key at every pair of places
    for distance in (-20, -1, 0, 3, 40):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    assert scores[0].std() > 0.1


def test_turning_may_start_anywhere():
    rotary, x = RotaryPositions(8, 16), torch.randn(2, 16, 3, 8)
    torch.testing.assert_close(rotary(x[:, 5:9], start=5), rotary(x)[:, 5:9])


def test_rotary_heads_have_an_even_size():
    with pytest.raises(SettingsProblem, match="multiple of 8, or learned positions"):
        DECODER.config.make(n_embd=20, n_head=4, positions="rotary")


# The parts


@pytest.mark.parametrize("shape", [(1000, 64), (7, 11, 13), (3,)])
def test_dropout_silences_its_share_and_keeps_the_mean(shape):
    torch.manual_seed(0)
    dropout, x = Dropout(0.25), torch.ones(shape, requires_grad=True)
    y = dropout(x)
    assert torch.equal(y, torch.where(y == 0, 0.0, x.detach() * 4 / 3))
    if y.numel() > 1000:
        assert (y == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert dropout.eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("shape", [(3, 5, 8), (2, 4)])
def test_rms_norm_equals_the_formula_and_so_does_its_gradient(shape):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(rms_normalised(x), F.rms_norm(x, shape[-1:], eps=1e-12))
    assert torch.autograd.gradcheck(rms_normalised, x)


def test_rms_norm_of_nothing_is_nothing():
    assert torch.equal(make_norm("rms", 4)(torch.zeros(2, 4)), torch.zeros(2, 4))


def test_squared_relu_and_its_gradient():
    torch.manual_seed(0)
    part = FeedForward(4, "squared_relu").double()
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(part(x), part.narrow(F.relu(part.widen(x)) ** 2))
    assert torch.autograd.gradcheck(part, x)


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
    """With blocks that add nothing yet, only the looked-up vectors know of earlier tokens."""
    torch.manual_seed(0)
    options = {"zero_init": True, "bias": False, "ngram_embedding": kind, "positions": "rotary"}
    model = DECODER.model(tiny_config(DECODER, **options), VOCABULARY)
    tokens = some_tokens(1, 16)
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % VOCABULARY
    differ = (model(tokens) != model(changed)).any(dim=-1)[0]
    assert differ.nonzero().flatten().tolist() == list(range(5, 6 + reach))


@pytest.mark.parametrize("vocab_size", [2, 65, 5000])
def test_any_alphabet_finds_its_rows(vocab_size, tiny_config):
    model = DECODER.model(tiny_config(DECODER, ngram_embedding="trigram"), vocab_size)
    tokens = torch.tensor([[0, vocab_size - 1] * 8])
    assert model(tokens).isfinite().all()


@pytest.fixture
def mixed(tiny_config):
    """A decoder of random weights, a third of whose guess is counted."""
    torch.manual_seed(0)
    model = DECODER.model(tiny_config(DECODER, ngram_share=1 / 3), VOCABULARY)
    model.count(some_tokens(3000))
    return model


def test_counted_ngrams_have_their_share_of_the_probability(mixed):
    tokens, learned, counted = some_tokens(4, 16), mixed.train()(some_tokens(4, 16)), mixed.ngram
    expected = learned.softmax(-1) * 2 / 3 + counted(tokens).exp() / 3
    torch.testing.assert_close(mixed.eval()(tokens).exp(), expected)


def test_what_is_counted_is_rung_0(mixed):
    rung = RUNGS["ngram"]
    model, counting = (
        rung.model(rung.config(), VOCABULARY),
        Counting(some_tokens(3000).numpy(), VOCABULARY),
    )
    for _ in range(7):
        counting.longer()
    model.hold(counting.counts)
    assert torch.equal(mixed.ngram(some_tokens(4, 16)), model(some_tokens(4, 16)))


def test_a_loaded_decoder_knows_the_counts(mixed, tiny_config):
    other = DECODER.model(tiny_config(DECODER, ngram_share=1 / 3), VOCABULARY)
    other.load_state_dict(mixed.state_dict())
    tokens = some_tokens(4, 16)
    assert torch.equal(other.eval()(tokens), mixed.eval()(tokens))


def test_counting_changes_nothing_of_what_is_learned(tiny_plan):
    """The same losses while training, with and without; only the evaluation is better."""
    text = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10] * 300)
    data = Data(text, text[:500], CharacterTokenizer.from_text("abcdefghijklmnopqrstuvw"))
    found = []
    for share in (0.0, 0.5):
        events = list(train(tiny_plan(DECODER, steps=5, ngram_share=share), data))
        found.append(
            (
                [e.loss for e in events if isinstance(e, Step)],
                [e.loss for e in events if isinstance(e, Evaluated)],
            )
        )
    (alone, alone_evaluated), (beside, beside_evaluated) = found
    assert alone == beside
    assert beside_evaluated[-1] < alone_evaluated[-1] - 0.5
