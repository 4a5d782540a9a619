"""Sampling: the filters keep what they say, the same seed writes the same text."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lm.errors import Diverged, SettingsProblem
from lm.generation import (
    Reader,
    SamplingConfig,
    choices_of,
    generate,
    next_token_distribution,
)
from lm.ladder import RUNGS
from lm.ngrams import count

scores = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=40).map(torch.tensor)
distinct = st.lists(st.integers(-60, 60), min_size=1, max_size=30, unique=True).map(
    lambda tenths: torch.tensor(tenths, dtype=torch.float32) / 10
)
temperatures = st.floats(0.05, 2.0)
top_ks = st.integers(0, 50)
top_ps = st.floats(0.05, 1.0)


@given(scores, st.floats(0.0, 2.0), top_ks, top_ps)
def test_always_a_distribution_that_keeps_the_likeliest(logits, temperature, top_k, top_p):
    before = logits.clone()
    p = next_token_distribution(logits, temperature, top_k, top_p)
    assert p.shape == logits.shape
    assert torch.isfinite(p).all()
    assert (p >= 0).all()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    assert p[logits.argmax()] == p.max() > 0
    assert torch.equal(logits, before)  # the model's scores are not written over


@given(scores)
def test_without_filters_it_is_softmax(logits):
    torch.testing.assert_close(next_token_distribution(logits), logits.softmax(dim=0))


@given(scores, temperatures)
def test_temperature_divides_the_scores(logits, temperature):
    torch.testing.assert_close(
        next_token_distribution(logits, temperature), (logits / temperature).softmax(dim=0)
    )


@given(scores, temperatures, st.integers(1, 50))
def test_top_k_keeps_the_k_likeliest(logits, temperature, top_k):
    p = next_token_distribution(logits, temperature, top_k)
    assert (p > 0).sum() <= top_k
    kept = logits.sort(descending=True).values[:top_k]
    assert (logits[p > 0] >= kept[-1]).all()
    expected = (kept / temperature).softmax(dim=0)
    torch.testing.assert_close(p.sort(descending=True).values[: len(kept)], expected)


@given(distinct, temperatures, st.floats(0.05, 0.999))
def test_top_p_keeps_the_smallest_set_that_suffices(logits, temperature, top_p):
    p = next_token_distribution(logits, temperature, top_p=top_p)
    whole = (logits.double() / temperature).softmax(dim=0)
    kept = p > 0
    assert whole[kept].sum() >= top_p - 1e-6
    assert whole[kept].sum() - whole[kept].min() < top_p + 1e-6  # one fewer would not do
    assert kept.all() or whole[kept].min() >= whole[~kept].max() - 1e-7  # the likeliest
    torch.testing.assert_close(p[kept], (whole[kept] / whole[kept].sum()).float())


@given(distinct, st.floats(0.0, 2.0), top_ks, top_ps, st.randoms())
def test_the_order_of_the_vocabulary_does_not_matter(logits, temperature, top_k, top_p, random):
    order = list(range(len(logits)))
    random.shuffle(order)
    p = next_token_distribution(logits, temperature, top_k, top_p)
    shuffled = next_token_distribution(logits[order], temperature, top_k, top_p)
    torch.testing.assert_close(shuffled, p[order])


@given(scores, top_ks, top_ps)
def test_temperature_zero_takes_the_highest_score(logits, top_k, top_p):
    p = next_token_distribution(logits, 0.0, top_k, top_p)
    assert p[logits.argmax()] == 1
    assert p.sum() == 1


@pytest.mark.parametrize("temperature", [0.0, 1e-30, 1e-4, 1.0, 2.0])
@pytest.mark.parametrize(
    "logits", [[1e30, -1e30, 0.0], [-3e38, -3e38, -3e38], [3e38, 3e38, 0.0], [1e-40, 0.0, -1e-40]]
)
def test_extreme_scores(logits, temperature):
    p = next_token_distribution(torch.tensor(logits), temperature, top_k=2, top_p=0.9)
    assert torch.isfinite(p).all()
    assert p.sum().item() == pytest.approx(1)


def test_equal_scores_are_equally_likely_until_a_filter_has_to_choose():
    level = torch.zeros(10)
    assert torch.equal(next_token_distribution(level, 1.0), torch.full((10,), 0.1))
    assert (next_token_distribution(level, 1.0, top_k=3) > 0).sum() == 3
    assert (next_token_distribution(level, 1.0, top_p=0.35) > 0).sum() == 4


# Writing


@pytest.fixture
def model(text_rung, tiny_model):
    """Each model that continues a text; those that rewrite lines write another way (`lm/rewriting.py`)."""
    model = tiny_model(text_rung, 23, dropout=0.5)
    with torch.no_grad():
        for parameter in model.parameters():  # strong opinions: a change of context shows
            parameter.mul_(4)
    return model.train()


def written(model, prompt=(1, 2, 3), **sampling):
    settings = SamplingConfig.make(**{"max_new_tokens": 20, "temperature": 1.0} | sampling)
    return [token.id for token in generate(model, torch.as_tensor(prompt), 16, settings)]


def test_the_same_seed_writes_the_same(model):
    assert written(model, seed=5) == written(model, seed=5)
    assert written(model, seed=5) != written(model, seed=6)


def test_two_greedy_samples_are_equal_though_the_model_has_dropout(model):
    greedy = written(model, temperature=0.0)
    assert greedy == written(model, temperature=0.0)
    assert greedy == written(model, temperature=0.0, seed=9)
    assert model.training


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back_also_after_a_break(model, training):
    model.train(training)
    tokens = generate(model, torch.tensor([1]), 16, SamplingConfig())
    next(tokens)
    tokens.close()
    assert model.training == training


@pytest.mark.parametrize("count", [1, 2, 17])
def test_exactly_as_many_as_asked(model, count):
    assert len(written(model, max_new_tokens=count)) == count


def test_three_times_the_context(model):
    ids = written(model, max_new_tokens=48)
    assert len(ids) == 48
    assert all(0 <= id < 23 for id in ids)


def test_each_token_is_drawn_from_what_the_window_says(model):
    """Equal to reading the window afresh at every step, also past the context."""
    prompt = torch.tensor([[1, 2, 3]])
    model, reader, new, text = model.eval(), Reader(model, 16), prompt, prompt
    with torch.inference_mode():
        for id in written(model, temperature=0.0, max_new_tokens=40):
            assert reader.read(new).argmax() == id
            assert model(reader.window)[0, -1].argmax() == id
            assert torch.equal(reader.window, text[:, -reader.window.shape[1] :])
            new = torch.tensor([[id]])
            text = torch.cat([text, new], dim=1)


def test_a_prompt_longer_than_the_context(model):
    prompt = [int(i) for i in torch.randint(23, (50,))]
    assert written(model, prompt) == written(model, prompt[-16:])


# The key/value cache

OPTIONS = {
    "classical": {},
    "rotary": {"positions": "rotary"},
    "pairs": {"ngram_embedding": "bigram"},
    "qk_norm": {"qk_norm": True},
    "gpt-2": {"activation": "gelu", "tie_weights": True, "bias": False},
    "speedrun": {
        "positions": "rotary",
        "norm": "rms",
        "activation": "squared_relu",
        "qk_norm": True,
        "bias": False,
    },
    "everything": {
        "positions": "rotary",
        "norm": "rms",
        "activation": "swiglu",
        "qk_norm": True,
        "tie_weights": True,
        "ngram_embedding": "trigram",
        "bias": False,
    },
}


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def decoder(request, tiny_config):
    torch.manual_seed(0)
    rung = RUNGS["decoder_transformer"]
    model = rung.model(tiny_config(rung, n_layer=3, **request.param), 23)
    with torch.no_grad():
        for parameter in model.parameters():  # strong opinions: a wrong position shows
            parameter.mul_(4)
    return model.double().eval()


@pytest.mark.parametrize("rows", [1, 4])
def test_cached_scores_equal_uncached_ones(decoder, rows):
    """At every step of a text three times as long as the context, for one row and for many."""
    torch.manual_seed(1)
    reader, text = Reader(decoder, 16), torch.randint(23, (rows, 50))
    with torch.inference_mode():
        for t in range(50):
            scores = reader.read(text[:, t : t + 1])
            assert torch.equal(reader.window, text[:, t + 1 - reader.window.shape[1] : t + 1])
            torch.testing.assert_close(scores, decoder(reader.window)[:, -1])
            assert min(t + 1, 8) <= reader.window.shape[1] <= 16


@pytest.mark.parametrize("pieces", [[16, 1], [5, 7, 4, 3], [30, 2, 9], [1, 15, 16, 16]])
def test_a_text_may_come_in_pieces(decoder, pieces):
    reader = Reader(decoder, 16)
    with torch.inference_mode():
        for piece in torch.randint(23, (2, sum(pieces))).split(pieces, dim=1):
            torch.testing.assert_close(reader.read(piece), decoder(reader.window)[:, -1])


def test_the_decoder_reads_each_token_once(decoder):
    """The cache is used: within the context, every reading after the first is of one position."""
    lengths = []
    decoder.register_forward_pre_hook(lambda _, arguments: lengths.append(arguments[0].shape[1]))
    written(decoder, max_new_tokens=10)
    assert lengths == [3] + [1] * 9


def test_a_decoder_that_looks_ahead_reads_its_window_anew(decoder):
    """With a mask of zeros, each new token changes the keys of those before it, so kept ones would be wrong."""
    for block in decoder.blocks:
        block.attention.mask = torch.zeros(16, 16, dtype=torch.float64)
    reader, text = Reader(decoder, 16), torch.randint(23, (2, 20))
    with torch.inference_mode():
        for t in range(20):
            scores = reader.read(text[:, t : t + 1])
            assert torch.equal(reader.window, text[:, max(0, t - 15) : t + 1])
            torch.testing.assert_close(scores, decoder(reader.window)[:, -1])


@pytest.mark.parametrize(("order", "context"), [(1, 16), (3, 16), (7, 16), (7, 4)])
def test_the_ngram_reads_no_more_than_its_scores_depend_on(order, context):
    """The same distributions as from the whole context, for which a token of a long text took 0.9 s."""
    torch.manual_seed(0)
    rung, counted = RUNGS["ngram"], torch.randint(5, (400,))
    plan = rung.plan(order=order, context_length=context)
    model = rung.model(plan.model, 5).eval()
    model.set_counts(count(counted.numpy(), 5, order).counts)
    lengths = []
    hook = model.register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))
    sampling = SamplingConfig(temperature=1.0, max_new_tokens=30)
    written = list(generate(model, counted[:40], context, sampling))
    hook.remove()
    assert max(lengths) == min(context, max(1, order - 1))
    text = counted[:40].tolist()
    for token in written:
        scores = model(torch.tensor([text[-context:]]))[0, -1]
        assert np.array_equal(token.distribution, next_token_distribution(scores).numpy())
        text.append(token.id)


def test_an_empty_prompt_is_refused(model):
    with pytest.raises(SettingsProblem, match="nothing to continue"):
        written(model, ())


def test_each_token_comes_with_its_distribution(model):
    sampling = SamplingConfig.make(top_k=4, top_p=0.9, max_new_tokens=20)
    for token in generate(model, torch.tensor([1]), 16, sampling):
        assert token.distribution.shape == (23,)
        assert token.distribution.sum() == pytest.approx(1, abs=1e-5)
        assert np.count_nonzero(token.distribution) <= 4
        assert token.distribution[token.id] > 0


def test_what_could_have_come_is_known_of_a_text_that_is_given(model):
    """The same distributions as while it was written, also past the context, where a reader begins anew."""
    prompt, sampling = torch.tensor([1, 2]), SamplingConfig(max_new_tokens=50, top_k=5, seed=3)
    made = list(generate(model, prompt, 16, sampling))
    written = torch.tensor([token.id for token in made])
    model.train()
    found = choices_of(model, prompt, written, 16, sampling)
    assert model.training
    np.testing.assert_allclose(found, np.stack([token.distribution for token in made]), atol=1e-6)
    assert len(choices_of(model, prompt, written[:0], 16, sampling)) == 0


def test_drawn_as_often_as_likely():
    class Fixed(nn.Module):
        def forward(self, tokens):
            return torch.tensor([0.5, 0.3, 0.2]).log().expand(*tokens.shape, 3)

    counts = np.bincount(written(Fixed(), (0,), max_new_tokens=4000, seed=2), minlength=3)
    assert counts / 4000 == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_the_callers_random_numbers_are_left_alone(model):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    written(model)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_model_whose_loss_diverged_says_so(text_network, tiny_model, value):
    model = tiny_model(text_network, 23)
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    with pytest.raises(Diverged, match="scores are not finite"):
        written(model)
