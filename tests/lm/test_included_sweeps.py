"""The sweeps that are included in the project are what their files say, and can be trained again."""

from pathlib import Path

import pytest

from lm import corpora, runs, scaling, sweep
from lm.errors import CorpusProblem
from lm.runs import sweeps
from lm.runs.facts import facts
from lm.runs.preparation import prepare
from lm.training.events import Step
from lm.training.loop import train

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
FOLDERS = sorted(path.parent for path in CHECKPOINTS.glob("*/sweep.json"))
STEPS = 12  # of the smallest run that are trained again: they take a second


@pytest.fixture(params=FOLDERS, ids=[folder.name for folder in FOLDERS])
def folder(request):
    return request.param


def test_every_point_is_there_and_has_ended(folder):
    described = sweeps.saved(folder)
    for point in sweep.again(described):
        found = facts(runs.open_run(folder / point.name))
        assert found.plan == point.plan
        assert found.finished
        assert found.text_sha256 == described.corpus_sha256
        assert not found.changes


def test_sizes_are_enough_for_a_law(folder):
    """The law may be weakly known, and then says so; but not for want of points, or of a span of sizes."""
    described = sweeps.saved(folder)
    if described.kind != "scale":
        pytest.skip("it varies settings, not sizes")
    found = [facts(runs.open_run(folder / point.directory)) for point in described.points]
    law = scaling.fit([run.parameters for run in found], [run.last.loss for run in found])
    assert len(found) >= scaling.FEWEST
    assert max(law.sizes) >= scaling.SPAN * min(law.sizes)
    assert min(law.losses) == law.losses[-1]
    assert law.covariance is not None


def test_the_smallest_point_is_trained_again_from_its_seed(folder):
    """The first losses depend on initial weights and batches; other machines round in the fourth digit."""
    described = sweeps.saved(folder)
    smallest = min(described.points, key=lambda point: point.parameters).directory
    (plan,) = [point.plan for point in sweep.again(described) if point.name == smallest]
    recorded = {
        line["step"]: line["loss"]
        for line in runs.open_run(folder / smallest).metrics()
        if line["type"] == "step"
    }
    try:
        corpus = corpora.load(described.corpus)
    except CorpusProblem as problem:
        pytest.skip(str(problem))
    baselines = {"uniform": 0.0}  # counting takes longer than the steps
    prepared = prepare(corpus, plan.tokenizer, plan.task, baselines)
    for event in train(plan, prepared.data):
        if isinstance(event, Step):
            assert event.loss == pytest.approx(recorded[event.step], abs=2e-3)
            if event.step == STEPS:
                return
    raise AssertionError("the run is too short for this test")
