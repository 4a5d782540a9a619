"""The norm of the gradient in each block: as it came from `backward`, at the steps that one can look at."""

import math

import pytest

from lm import runs
from lm.ladder import RUNGS
from lm.runs import packing
from lm.tasks import ContinueText
from lm.training.events import Step
from lm.training.gradient import GradientLearner
from lm.training.loop import train
from tests.lm.recorded import record_all

DECODER = RUNGS["decoder_transformer"]


def learner_of(plan, data):
    return GradientLearner(plan, ContinueText(data, plan.context_length, "cpu"), "cpu")


def by_hand(network):
    """The norms of the gradients that the parameters of each block hold, summed up number by number."""
    return [
        math.sqrt(sum(float(p.grad.square().sum()) for p in block.parameters()))
        for block in network.blocks
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_they_are_of_the_gradient_before_it_is_shortened(optimizer, tiny_plan, data):
    """The clip of the second learner shortens its gradient a hundredfold; its norms must not show that."""
    whole, short = (
        learner_of(tiny_plan(DECODER, n_layer=3, optimizer=optimizer, gradient_clip=clip), data)
        for clip in (0.0, 0.001)
    )
    assert whole.layer_norms() == ()  # before the first step
    for step in range(2):
        for learner in (whole, short):
            learner.learning_rate = 1e-9  # the weights stay, so both have the same gradient
            learner.step(step)
        expected = by_hand(whole.network)
        assert whole.layer_norms() == pytest.approx(expected, rel=1e-4)
        assert by_hand(short.network)[0] < 0.1 * expected[0]
        assert short.layer_norms() == pytest.approx(expected, rel=1e-2)
        assert len(set(expected)) == 3


def test_steps_of_evaluations_and_snapshots_have_them(tiny_plan, data):
    steps = [
        e
        for e in train(tiny_plan(DECODER, steps=12, evaluate_every=5), data)
        if isinstance(e, Step)
    ]
    assert [e.step for e in steps if e.layer_norms] == [3, 5, 6, 9, 10, 12]
    assert {len(e.layer_norms) for e in steps if e.layer_norms} == {2}


@pytest.mark.parametrize("name", ["ngram", "bigram", "multi_head_attention"])
def test_a_model_without_blocks_has_none(name, tiny_plan, data):
    plan = tiny_plan(RUNGS[name])
    assert not any(e.layer_norms for e in train(plan, data) if isinstance(e, Step))


def test_a_run_directory_and_its_packed_copy_keep_them(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER, steps=12, evaluate_every=5))
    record_all(run, data)
    packing.pack(run, tmp_path / "packed", 3)
    told = [e.layer_norms for e in train(run.plan, data) if isinstance(e, Step)]
    for metrics in (run.metrics(), runs.open_run(tmp_path / "packed").metrics()):
        found = [line.get("layer_norms", []) for line in metrics if line["type"] == "step"]
        assert [len(each) for each in found] == [len(each) for each in told]
        assert found[-1] == pytest.approx(told[-1], rel=1e-3)
