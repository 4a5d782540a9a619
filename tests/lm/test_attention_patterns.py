"""Attention patterns: the mask decides, whichever way attention is computed, and a model writes as it reads."""

import pytest
import torch

from lm.errors import SettingsProblem
from lm.evaluation import evaluate
from lm.generation import Reader, SamplingConfig, generate
from lm.given import given_to
from lm.inside.inspection import inspect, surprise
from lm.interchange import script
from lm.interchange.expressed import expressed
from lm.ladder import RUNGS, text_models
from lm.layers import RollingCache, RotaryPositions, SelfAttention, attention_weights, masks
from lm.layers import window_attention as blocks
from lm.models.attention_pattern import AttentionPattern
from lm.tasks import ContinueText
from lm.training.gradient import GradientLearner

VOCABULARY = 23
MODELS = [rung for rung in text_models().values() if issubclass(rung.config, AttentionPattern)]
DECODER = RUNGS["decoder_transformer"]
PATTERNS = {  # in a context of 16
    "window": {"window": 5},
    "strided": {"stride": 4},
    "dilated": {"window": 4, "stride": 3},
    "sinks": {"sinks": 2, "window": 4},
    "prefix": {"prefix": 6},
}
LOOKS = {  # may position t look at position s?
    "full": lambda t, s: s <= t,
    "window": lambda t, s: 0 <= t - s < 5,
    "strided": lambda t, s: s <= t and (t - s < 4 or (t - s) % 4 == 0),
    "dilated": lambda t, s: t - s in (0, 3, 6, 9),
    "sinks": lambda t, s: s <= t and (s < 2 or t - s < 4),
    "prefix": lambda t, s: s <= t or s < 6,
}
DECODERS = [
    {"positions": positions, "alternate": alternate}
    for positions in ("learned", "rotary")
    for alternate in (False, True)
]


def some_tokens(*shape):
    return torch.randint(VOCABULARY, shape, generator=torch.Generator().manual_seed(5))


def made(tiny_config, rung, pattern, **changed):
    """A model with weights so large that attention matters."""
    torch.manual_seed(0)
    config = tiny_config(rung, pattern=pattern, **PATTERNS.get(pattern, {}), **changed)
    model = rung.model(config, VOCABULARY).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("pattern", LOOKS)
@pytest.mark.parametrize("rung", MODELS, ids=lambda rung: rung.name)
@torch.inference_mode()
def test_each_model_looks_where_its_pattern_says(rung, pattern, tiny_config):
    """What the page paints, and what acts: a token that no path leads to changes nothing."""
    model, tokens = made(tiny_config, rung, pattern, n_layer=1), some_tokens(1, 16)
    looks = torch.tensor([[LOOKS[pattern](t, s) for s in range(16)] for t in range(16)])
    (mask,) = inspect(model, tokens[0]).masks
    assert torch.equal(torch.from_numpy(mask), looks)
    before = model(tokens)[0]
    for s in (0, 3, 9):
        changed = tokens.clone()
        changed[0, s] = (changed[0, s] + 1) % VOCABULARY
        differs = ((model(changed)[0] - before).abs() > 1e-6).any(-1)
        assert torch.equal(differs, looks[:, s])


def test_without_the_causal_mask_a_pattern_goes_both_ways(tiny_config):
    for pattern in ("window", "strided", "dilated", "sinks"):
        both, back = (
            torch.from_numpy(
                inspect(made(tiny_config, DECODER, pattern, causal_mask=on), some_tokens(16)).masks[
                    0
                ]
            )
            for on in (False, True)
        )
        assert torch.equal(both.tril(), back)
        assert both.triu(1).any() and not both.all()
        if pattern != "sinks":
            assert torch.equal(both, both.mT)


def test_every_second_layer_may_attend_to_all(tiny_config):
    model = made(tiny_config, DECODER, "window", alternate=True, n_layer=4)
    seen = [int(mask[-1].sum()) for mask in inspect(model, some_tokens(16)).masks]
    assert seen == [5, 16, 5, 16]


@pytest.mark.parametrize("pattern", [p for p in PATTERNS if p != "prefix"])
@pytest.mark.parametrize("options", DECODERS, ids=lambda o: "-".join(map(str, o.values())))
@torch.inference_mode()
def test_a_decoder_writes_as_it_reads(options, pattern, tiny_config):
    """Token by token within the context: the very scores of a forward pass, with whichever cache."""
    model, tokens = made(tiny_config, DECODER, pattern, **options), some_tokens(2, 16)
    scores, reader = model(tokens), Reader(model, 16)
    for start, end in ((0, 3), (3, 8), *((t, t + 1) for t in range(8, 16))):
        found = reader.read(tokens[:, start:end])
        torch.testing.assert_close(found, scores[:, end - 1], atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_a_window_rolls_on_past_the_context(tiny_config):
    """With rotary positions, the scores are those of a model that reads the whole text at once."""
    model = made(tiny_config, DECODER, "window", positions="rotary")
    longer = made(tiny_config, DECODER, "window", positions="rotary", context_length=64)
    longer.load_state_dict(model.state_dict())
    text = some_tokens(2, 64)
    cache, reader = model.new_cache(), Reader(model, 16)
    assert isinstance(cache, RollingCache)
    expected = longer(text)
    for start, end in ((0, 12), (12, 20), *((t, t + 1) for t in range(20, 64))):
        found = reader.read(text[:, start:end])
        torch.testing.assert_close(found, expected[:, end - 1], atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_sinks_stay_where_they_are_past_the_context():
    """The plain form: the newest token is at the last place, the sinks at the first ones."""
    torch.manual_seed(0)
    rotary, T, sinks, window = RotaryPositions(4, 8), 8, 2, 3
    mask = masks.sinks_and_window(T, sinks, window)
    part, x = SelfAttention(8, 2, mask, rotary=rotary), torch.randn(1, 20, 8)
    cache = RollingCache(1, T, window, sinks)
    q, k, v = part.project_grouped(x, rotated=False)
    for t in range(20):
        found = part(x[:, t : t + 1], cache.layers[0])
        kept = [*range(min(sinks, t + 1)), *(s for s in range(t - window + 1, t + 1) if s >= sinks)]
        places = torch.tensor([s if s < sinks else s - max(0, t - T + 1) for s in kept])
        rotated_q = rotary.at(torch.tensor([min(t, T - 1)]), q[:, :, t : t + 1])
        weights = attention_weights(rotated_q, rotary.at(places, k[:, :, kept]), torch.zeros(()))
        expected = part.projection((weights @ v[:, :, kept]).transpose(1, 2).flatten(2))
        torch.testing.assert_close(found, expected)


@torch.inference_mode()
def test_a_rolling_cache_stays_small(tiny_config):
    """Two thousand tokens from a context of sixteen; nothing that is kept grows."""
    model = made(tiny_config, DECODER, "sinks", positions="rotary")
    reader = Reader(model, 16)
    for token in some_tokens(300, 1, 1):
        reader.read(token)
    cache = reader._cache
    layer = cache.layers[0]
    assert cache.length == 300
    assert layer._keys.shape[2] == layer._values.shape[2] == 2 + 4
    assert reader.window.shape[1] == cache.tokens.shape[1] == 16


@pytest.mark.parametrize(("length", "window"), [(96, 8), (100, 8), (5, 8), (16, 16), (9, 1)])
def test_blocks_give_what_the_mask_gives(length, window, monkeypatch):
    """And the same gradient; also of a text that does not fill its last block."""
    torch.manual_seed(0)
    mask = masks.windowed(length, window)
    part = SelfAttention(12, 3, mask, window=window)
    results = []
    for least in (0, 10**6):
        monkeypatch.setattr(blocks, "LEAST", least)
        monkeypatch.setattr(blocks, "PAYS", 0)
        x = torch.linspace(-2, 2, 2 * length * 12).view(2, length, 12).sin().requires_grad_()
        found = part(x)
        found.square().sum().backward()
        results.append((found.detach(), x.grad))
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, atol=1e-5, rtol=1e-4)


# A prefix: the loss counts from its last token on


def test_a_prefix_is_given_and_its_loss_does_not_count(tiny_config):
    """Every other token is predicted once, whatever the windows; a loss near 0 would be cheating."""
    model, tokens = made(tiny_config, DECODER, "prefix"), some_tokens(100)
    assert given_to(model) == 5
    found = evaluate(model, tokens, 16, vocab_size=VOCABULARY)
    assert (found.tokens, found.whole) == (99 - 5, True)
    losses = surprise(model, tokens, 16)
    assert list(map(int, losses[:6] == losses[:6])) == [0] * 5 + [1]  # NaN is not itself
    assert float(losses[5:].mean()) == pytest.approx(found.loss, rel=1e-5)


def test_training_leaves_the_given_predictions_out(tiny_plan, text_data):
    plan = tiny_plan(DECODER, pattern="prefix", prefix=6)
    learner = GradientLearner(plan, ContinueText(text_data, 16, "cpu"), "cpu")
    batch = learner.task.batch(3)
    other = batch.targets.clone()
    other[:, :5] = 0
    changed = type(batch)(batch.inputs, other)
    assert torch.equal(learner.loss(batch), learner.loss(changed))
    other[:, 5] = (other[:, 5] + 1) % 20
    assert not torch.equal(learner.loss(batch), learner.loss(changed))


def test_a_model_with_a_prefix_writes(tiny_config):
    model = made(tiny_config, DECODER, "prefix")
    sampling = SamplingConfig.make(max_new_tokens=20)
    assert len(list(generate(model, some_tokens(3), 16, sampling))) == 20


# What cannot work is refused in one sentence


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pattern": "window", "window": 65}, "A window of 65 tokens is larger than the context"),
        ({"pattern": "sinks", "window": 62}, "4 sinks and a window of 62 tokens are larger"),
        ({"pattern": "dilated", "window": 18}, "spans 69 and is larger than the context of 64"),
        ({"pattern": "strided", "stride": 99}, "A stride of 99 tokens is larger"),
        (
            {"pattern": "prefix", "prefix": 64},
            "A prefix of 64 tokens, and one to predict, is larger",
        ),
        ({"pattern": "prefix", "causal_mask": False}, "a prefix opens nothing: switch the causal"),
        ({"pattern": "window", "window": 0}, "Window must be a whole number from 1"),
        ({"pattern": "half"}, "Attention pattern is one of full, window"),
    ],
)
@pytest.mark.parametrize("rung", MODELS, ids=lambda rung: rung.name)
def test_a_pattern_that_cannot_work_is_refused(rung, settings, sentence):
    with pytest.raises(SettingsProblem, match=sentence):
        rung.plan(**settings)


def test_a_number_of_another_pattern_changes_nothing():
    assert RUNGS["single_head_attention"].plan(window=4096).model.pattern == "full"


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("alternate", [False, True])
def test_a_pattern_goes_out_to_no_format_that_lacks_it(pattern, alternate, tiny_config, trained):
    """Of GPT-2, Llama (and with them GGUF) and the script; each sentence sends to ONNX, which has all."""
    model = made(tiny_config, DECODER, pattern, alternate=alternate)
    name = rf"the attention pattern \(pattern {pattern}\): .* export --to onnx"
    with pytest.raises(SettingsProblem, match=name):
        expressed(model, "Decoder")
    sentence = rf"full attention only, .* the pattern {pattern} \(pattern\): export --to onnx"
    with pytest.raises(SettingsProblem, match=sentence):
        script.source_of(trained, model, trained.tokenizer())


def test_a_row_with_nothing_to_look_at_is_refused():
    blind = masks.causal(4)
    blind[2] = -torch.inf
    with pytest.raises(SettingsProblem, match="Position 3 of the context may look at nothing"):
        masks.refuse_blind(blind)


def test_lines_have_no_prefix():
    for rung, settings in ((RUNGS["encoder_decoder"], {}), (DECODER, {"task": "answer"})):
        with pytest.raises(SettingsProblem, match="choose another pattern"):
            rung.plan(pattern="prefix", **settings)


def test_a_run_from_before_there_were_patterns_attends_to_all():
    assert RUNGS["decoder_transformer"].config.make(n_layer=2).pattern == "full"
