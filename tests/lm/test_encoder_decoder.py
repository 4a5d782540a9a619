"""The encoder–decoder: torch's own transformer with the same weights, padding, the future, the cache."""

import warnings

import pytest
import torch
from torch import nn

from lm.layers import PADDING, attention_weights
from lm.layers.cross_attention import CrossAttention, cross_pattern
from lm.layers.masks import padding_mask
from lm.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from lm.settings import describe

V, C, H, L = 19, 32, 4, 2
SWITCHES = [one.name for one in describe(EncoderDecoderConfig) if one.group == "apart"]
CHOICES = [
    {},
    {"positions": "rotary", "norm": "rms", "qk_norm": True, "bias": False},
    {"tie_weights": True, "activation": "swiglu"},
    *({switch: False} for switch in SWITCHES),
]


def made(**settings):
    torch.manual_seed(0)
    sizes = {"n_embd": C, "n_head": H, "n_layer": L, "context_length": 16}
    model = EncoderDecoder(EncoderDecoderConfig.make(**sizes | settings), V)
    for parameter in model.parameters():  # larger than at first: small faults are seen
        parameter.data.normal_(std=0.1)
    return model.eval()


def lines(*shape, seed=3):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


def torchs(model):
    """`torch.nn.Transformer` with the weights of ours."""
    sizes = (C, H, L, L, 4 * C)
    with warnings.catch_warnings():  # torch notes that its quick path is for norms after the parts
        warnings.simplefilter("ignore")
        theirs = nn.Transformer(*sizes, dropout=0.0, batch_first=True, norm_first=True).eval()
    zeros = torch.zeros(3 * C)

    def attention(target, in_weight, projection):
        target.in_proj_weight.data = in_weight
        target.in_proj_bias.data = zeros
        target.out_proj.load_state_dict(projection.state_dict())

    for ours, layer in zip(model.encoder, theirs.encoder.layers, strict=True):
        attention(layer.self_attn, ours.attention.query_key_value.weight, ours.attention.projection)
        layer.norm1.load_state_dict(ours.attention_norm.state_dict())
        layer.norm2.load_state_dict(ours.feed_forward_norm.state_dict())
        layer.linear1.load_state_dict(ours.feed_forward.widen.state_dict())
        layer.linear2.load_state_dict(ours.feed_forward.narrow.state_dict())
    for ours, layer in zip(model.decoder, theirs.decoder.layers, strict=True):
        attention(layer.self_attn, ours.attention.query_key_value.weight, ours.attention.projection)
        cross = ours.cross_attention
        both = torch.cat([cross.query.weight, cross.key_value.weight])
        attention(layer.multihead_attn, both, cross.projection)
        layer.norm1.load_state_dict(ours.attention_norm.state_dict())
        layer.norm2.load_state_dict(ours.cross_norm.state_dict())
        layer.norm3.load_state_dict(ours.feed_forward_norm.state_dict())
        layer.linear1.load_state_dict(ours.feed_forward.widen.state_dict())
        layer.linear2.load_state_dict(ours.feed_forward.narrow.state_dict())
    theirs.encoder.norm.load_state_dict(model.encoder_norm.state_dict())
    theirs.decoder.norm.load_state_dict(model.norm.state_dict())
    return theirs


def test_it_equals_torchs_transformer_with_the_same_weights():
    model, source, tokens = made(), lines(3, 9), lines(3, 7, seed=4)
    source[1, 5:] = PADDING
    with torch.no_grad():
        found = model(tokens, source)
        decoded = torchs(model)(
            model.embed(source),
            model.embed(tokens),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(7),
            src_key_padding_mask=source == PADDING,
            memory_key_padding_mask=source == PADDING,
        )
        expected = model.head(decoded)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.std() > 0.1  # zeros would be equal, too


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_pair_gives_the_same_alone_and_in_any_batch(choice):
    """Padding never leaks: neither that of the source nor that of the target, whatever the other lines are."""
    model = made(**choice)
    source, tokens = lines(1, 5), lines(1, 4)
    others, longer = lines(3, 16, seed=8), lines(3, 12, seed=9)
    wide, tall = (torch.full((4, n), PADDING) for n in (16, 12))
    wide[:3], tall[:3] = others, longer
    wide[3, :5], tall[3, :4] = source, tokens
    with torch.no_grad():
        alone, together = model(tokens, source)[0], model(tall, wide)[3, :4]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert model(tall, wide).isfinite().all()


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_the_future_is_hidden_and_the_source_is_not(choice):
    model, source, tokens = made(**choice), lines(2, 6), lines(2, 8, seed=5)
    changed, other = tokens.clone(), source.clone()
    changed[:, 5] = (changed[:, 5] + 1) % V
    other[:, 5] = (other[:, 5] + 1) % V
    with torch.no_grad():
        before, after = model(tokens, source), model(changed, source)
        of_other = model(tokens, other)
    sees_ahead = not model.config.causal_mask
    assert torch.equal(before[:, :5], after[:, :5]) != sees_ahead
    if model.config.residual_path:  # without it only the weights of cross-attention tell of a token
        assert not torch.equal(before[:, 5:], after[:, 5:])
    looks = model.config.cross_attention
    assert torch.equal(before[:, 0], of_other[:, 0]) != looks  # also of the first position


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_the_cache_changes_nothing(choice):
    """The encoder's keys and values are computed once, and each token is read once."""
    model, source, tokens = made(**choice), lines(2, 6), lines(2, 16, seed=5)
    source[0, 3:] = PADDING
    cache = model.new_cache()
    if not model.config.causal_mask:
        assert cache is None
        return
    with torch.no_grad():
        memory = model.remember(source)
        pieces = [model.decode(tokens[:, a:b], memory, cache) for a, b in ((0, 1), (1, 4), (4, 16))]
        torch.testing.assert_close(torch.cat(pieces, 1), model(tokens, source))


def test_rows_of_a_memory_and_a_cache_can_be_kept():
    """Beams and lines that have ended: what goes on must belong to the right lines."""
    model, source, tokens = made(), lines(3, 6), lines(3, 5, seed=5)
    rows = torch.tensor([2, 0, 2])
    with torch.no_grad():
        memory, cache = model.remember(source), model.new_cache()
        model.decode(tokens[:, :4], memory, cache)
        cache.keep(rows)
        found = model.decode(tokens[rows, 4:], memory.keep(rows), cache)
        expected = model(tokens, source)[rows, 4:]
    torch.testing.assert_close(found, expected)


def test_cross_attention_equals_its_formula():
    torch.manual_seed(1)
    part = CrossAttention(C, H).eval()
    x, memory = torch.randn(2, 5, C), torch.randn(2, 7, C)
    padding = padding_mask(torch.tensor([[0] * 7, [0] * 4 + [PADDING] * 3]))
    keys, values = part.keys_values(memory)
    weights = cross_pattern(part, x, keys, padding)  # (2, H, 5, 7)
    assert torch.equal(weights, attention_weights(part.queries(x), keys, padding))
    assert (weights[1, :, :, 4:] == 0).all()
    expected = part.projection((weights @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(part(x, keys, values, padding), expected, atol=1e-5, rtol=1e-4)


def test_every_parameter_learns():
    torch.manual_seed(0)
    model = EncoderDecoder(EncoderDecoderConfig(n_embd=C, context_length=16), V)
    model(lines(2, 16), lines(2, 16, seed=6)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_a_switch_that_is_off_makes_no_weights():
    def count(**settings):
        return sum(p.numel() for p in made(**settings).parameters())

    assert count(cross_attention=False) == count() - L * (4 * C * C + C + 2 * C)
    assert count(know_positions=False) == count() - 16 * C
