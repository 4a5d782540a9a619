"""bfloat16 in the products: quicker, near enough, and only where it was asked for."""

import pytest
import torch
from torch import nn

from lm import devices
from lm.evaluation import evaluate
from lm.ladder import RUNGS
from lm.layers import SelfAttention, causal
from lm.training.events import Checkpoint, Evaluated, Step
from lm.training.loop import train

DECODER = RUNGS["decoder_transformer"]


@pytest.fixture(params=["float32", "bfloat16"])
def precision(request):
    return request.param


@pytest.fixture
def has_bfloat16(monkeypatch):
    """Whatever this processor has: without the instructions the same numbers come out, slowly."""
    monkeypatch.setattr("lm.training.gradient.has_bfloat16", lambda device: True)


def run(tiny_plan, data, **settings):
    return list(train(tiny_plan(DECODER, steps=20, evaluate_every=20, **settings), data))


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def test_rounding_changes_little(tiny_plan, data, has_bfloat16):
    exact, rounded = (losses(run(tiny_plan, data, precision=p)) for p in ("float32", "bfloat16"))
    assert exact != rounded
    assert rounded == pytest.approx(exact, abs=0.02)


def test_the_same_seed_makes_the_same_run(tiny_plan, data, has_bfloat16):
    first, second = (
        losses(run(tiny_plan, data, precision="bfloat16", dropout=0.2)) for _ in range(2)
    )
    assert first == second


def test_weights_and_memory_stay_exact(tiny_plan, data, has_bfloat16):
    events = run(tiny_plan, data, precision="bfloat16", optimizer="muon")
    last = [event for event in events if isinstance(event, Checkpoint)][-1]
    tensors = [*last.weights.values(), *last.optimizer.values()]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


def test_evaluation_does_not_round(tiny_plan, data, has_bfloat16):
    plan = tiny_plan(DECODER, steps=3, precision="bfloat16")
    events = list(train(plan, data))
    told = [event.loss for event in events if isinstance(event, Evaluated)][-1]
    model = plan.rung.model(plan.model, data.tokenizer.vocab_size)
    model.load_state_dict([e for e in events if isinstance(e, Checkpoint)][-1].weights)
    assert evaluate(model, data.validation, plan.context_length).loss == told


def test_a_processor_without_it_does_not_round(tiny_plan, data, monkeypatch):
    monkeypatch.setattr("lm.training.gradient.has_bfloat16", lambda device: False)
    exact, asked = (losses(run(tiny_plan, data, precision=p)) for p in ("float32", "bfloat16"))
    assert exact == asked


@pytest.mark.parametrize("has", ["avx512_bf16", "amx_bf16", None])
def test_what_counts_as_having_it(has, monkeypatch):
    told = {"avx2": True} | ({has: True} if has else {})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told)
    assert devices.has_bfloat16("cpu") == (has is not None)
    assert not devices.has_bfloat16("mps")


def test_attention_itself_is_not_rounded():
    """Its fused kernel sees float32, whatever the products around it do."""
    torch.manual_seed(0)
    part, seen = SelfAttention(16, 2, causal(8)), []
    actual = nn.functional.scaled_dot_product_attention
    x = torch.randn(2, 8, 16)

    def spy(*arguments, **options):
        given = (*arguments, *options.values())
        seen.extend(one.dtype for one in given if isinstance(one, torch.Tensor))
        return actual(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setattr(nn.functional, "scaled_dot_product_attention", spy)
        assert part(x).dtype == torch.bfloat16
    assert seen == [torch.float32] * 4
