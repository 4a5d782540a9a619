"""The cost of a training run, against published numbers and against counting in real models."""

import json
import math

import pytest
import torch

from lm.costs import flops, published
from lm.costs import training as costs
from lm.costs.published import Published
from lm.costs.sizes import count_parameters, kept_for_backward, outline
from lm.costs.training import Take
from lm.ladder import PRETRAINED, RUNGS
from lm.tasks import Batch
from lm.training.gradient import GradientLearner
from tests.lm.command_line import lm, refusal


@pytest.mark.parametrize(
    ("name", "parameters", "tolerance"),
    [
        ("gpt2", 124_439_808, 0),  # as `transformers` counts the released files
        ("gpt2-medium", 354_823_168, 0),
        ("gpt2-large", 774_030_080, 0),
        ("gpt2-xl", 1_557_611_200, 0),
        ("gpt3-6.7b", 6.7e9, 0.01),  # Brown et al. 2020, table 2.1
        ("gpt3", 175e9, 0.005),
    ],
)
def test_parameters_are_the_published_ones(name, parameters, tolerance):
    assert published.MODELS[name].parameters == pytest.approx(parameters, rel=tolerance, abs=0)


def test_gpt3_took_the_published_operations_and_days():
    """Table D.1 of Brown et al.: 3.14e23. Narayanan et al. 2021, section 5.1: 175 billion parameters on 300
    billion tokens take 34 days on 1,024 A100 at 140 of 312 TFLOP/s, where each token's forward pass is computed
    twice: 8 operations for each parameter in place of 6.
    """
    gpt3 = costs.of_published("gpt3")
    assert gpt3.six_nd == pytest.approx(3.14e23, rel=0.005)
    assert gpt3.exact == pytest.approx(gpt3.six_nd, rel=0.05)
    assert gpt3.exact > gpt3.six_nd
    days = Take(gpt3, 1024, published.PROCESSORS["a100"], utilisation=140 / 312).days
    assert days == pytest.approx(34, rel=0.05)
    assert gpt3.chinchilla == pytest.approx(3.5e12, rel=0.01)


def test_memory_is_sixteen_bytes_a_parameter_and_less_on_several_devices():
    """Rajbhandari et al. 2020, section 3.1: 16 bytes a parameter, 120 GB for 7.5 billion; figure 1: 1.9 GB on
    each of 64 devices if all of it is sharded."""
    cost = costs.Cost("", 7_500_000_000, 1.0, 0, 0, 15_000_000_000, 0, 1, 1, 1.0)
    assert costs.replicated(cost, 0).total == 120e9
    assert costs.sharded(cost, 0, 64).total == pytest.approx(1.9e9, rel=0.02)
    assert costs.sharded(cost, 0, 1) == costs.replicated(cost, 0)


def like_gpt2(model, **training):
    """A plan of that model."""
    sizes = {"n_layer": model.n_layer, "n_embd": model.n_embd, "n_head": model.n_head}
    return PRETRAINED.plan(
        **sizes,
        family="gpt2",
        n_key_value_head=model.n_head,
        head_size=model.n_embd // model.n_head,
        feed_forward_size=4 * model.n_embd,
        context_length=model.context_length,
        positions="learned",
        norm="layer",
        activation="gelu_tanh",
        gated=False,
        attention_bias=True,
        feed_forward_bias=True,
        tie_weights=True,
        **training,
    )


def test_formulas_count_what_a_model_has():
    small = Published("", "", 2, 64, 4, 32, 32, None, vocab_size=100)
    plan = like_gpt2(small)
    assert small.parameters == count_parameters(outline(plan, 100))
    assert small.forward_operations * 32 == flops.of_window(plan, 100)
    # The run also keeps the mask.
    assert 4 * 32 * small.kept_numbers == pytest.approx(kept_for_backward(plan, 100), rel=0.02)


def test_a_plan_of_the_ladder_costs_what_its_model_counts():
    plan = RUNGS["decoder_transformer"].plan("classic", n_embd=32, n_head=2, n_layer=2)
    cost = costs.of_plan(plan, 65)
    model = outline(plan, 65)
    assert cost.parameters == count_parameters(model)
    assert cost.exact == flops.of_training(plan, 65)
    assert cost.tokens == plan.steps * plan.tokens_per_step(0)
    assert cost.state == pytest.approx(2 * cost.parameters, rel=0.01)
    assert cost.gathered == count_parameters(model.blocks[0])


def test_the_command_tells_what_gpt3_takes():
    """A model that fits in no single GPU, and the number of them that hold it."""
    told = lm("plan", "gpt3", "--gpus", "1024").stdout
    assert "174,604,259,328" in told
    assert "3.14e23 by 6 N D" in told
    record = json.loads(lm("plan", "gpt3", "--gpus", "1024", "--json").stdout)
    assert f"{record['days']:.3g} days on 1,024 H100" in told
    assert f"{record['least_gpus']} H100 at least" in told
    over, enough = (
        json.loads(lm("plan", "gpt3", "--gpus", n, "--json").stdout)["fsdp"]["total"]
        for n in (record["least_gpus"] - 1, record["least_gpus"])
    )
    assert enough <= 80e9 < over
    assert record["ddp"]["total"] > 80e9


def test_the_command_takes_the_settings_of_training():
    small, wide = (
        json.loads(lm("plan", "bigram", "--json", *more).stdout)
        for more in ([], ["--tokenizer", "bpe", "--vocab-size", "300", "--tokens", "1e6"])
    )
    assert small["parameters"] < wide["parameters"]
    assert wide["tokens"] == 1e6
    assert "one H100 holds it" in lm("plan", "decoder_transformer").stdout


@pytest.mark.parametrize("command", ["plan", "train", "sweep"])
def test_an_unknown_model_is_answered_by_those_there_are(command):
    assert "choose " in refusal(command, "gpt4", code=2)
    assert "decoder_transformer" in refusal(command, "gpt4", code=2)


WRONG = {
    "GPUs must be from 1 to 1,000,000, not 0.": ["--gpus", "0"],
    "GPUs must be from 1 to 1,000,000, not -1.": ["--gpus", "-1"],
    "Tokens must be from 1 to 1e+18, not nan.": ["--tokens", "nan"],
    "The utilisation must be from 0.01 to 1, not nan.": ["--utilisation", "nan"],
}


@pytest.mark.parametrize("told", WRONG)
def test_a_number_that_cannot_be_reckoned_with_is_refused(told):
    """NaN is in no range and outside of none: it ended in a traceback."""
    assert told in refusal("plan", "gpt2", *WRONG[told], code=2)


class Windows:
    """A task without a text: the same window of random tokens in each batch."""

    vocab_size, characters_per_token = published.VOCABULARY, 1.0

    def batch(self, size):
        drawn = torch.randint(self.vocab_size, (1, 65), generator=torch.Generator().manual_seed(1))
        return Batch(drawn[:, :-1].expand(size, -1), drawn[:, 1:].expand(size, -1))


@pytest.mark.slow
def test_gpt2_trains():
    """All 124 million parameters, three steps: from a uniform guess, ln 50,257 = 10.8, to less."""
    model = published.MODELS["gpt2"]
    plan = like_gpt2(model, batch_size=1, warmup_steps=0, decay="constant", learning_rate=1e-3)
    learner = GradientLearner(plan, Windows(), "cpu")
    assert count_parameters(learner.network) == model.parameters
    first, *_, last = (learner.step(step).loss for step in range(3))
    assert first == pytest.approx(math.log(model.vocab_size), abs=0.5)
    assert last < first - 0.5
