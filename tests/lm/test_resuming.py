"""A resumed run equals one that was never interrupted, bit for bit."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lm import runs
from lm.errors import RunProblem
from lm.ladder import RUNGS
from lm.runs import checksums, files, recording
from lm.runs.run import GONE
from lm.training.events import (
    ChangeLearningRate,
    Checkpoint,
    Evaluated,
    Evaluating,
    Sample,
    Step,
    TakeCheckpoint,
)
from lm.training.loop import train
from tests.conftest import of_typical_rungs
from tests.lm.command_line import QUICK, lm, refusal
from tests.lm.recorded import record_all, resume

DECODER = RUNGS["decoder_transformer"]


def happened(run, snapshots=True):
    """What metrics.jsonl says, but for the clock."""
    return [
        {key: value for key, value in line.items() if key != "seconds"}
        for line in run.metrics()
        if snapshots or line["type"] != "snapshot"
    ]


def final(run):
    """Weights and optimiser state at the end, as lists."""
    tensors = load_file(run.directory / "resume.safetensors")
    return {name: tensor.tolist() for name, tensor in tensors.items()}


def halt(rung, tiny_plan, begin, data, directory, where):
    """Record a run until `where(event)`, save it there as Ctrl-C does, and stop."""
    run = begin(directory, plan_of(rung, tiny_plan))
    events = recording.record(run, train(run.plan, data))
    for event in events:
        if where(event):
            events.send(TakeCheckpoint())
            events.close()
            return run
    raise AssertionError("the run ended before")


def plan_of(rung, tiny_plan):
    return tiny_plan(rung, dropout=0.3, steps=12, evaluate_every=5)


@pytest.fixture(scope="module")
def uninterrupted(tiny_plan, begin, text_data, pair_data, tmp_path_factory):
    """The whole run of each rung, made once."""
    made = {}

    def make(rung):
        if rung.name not in made:
            run = begin(tmp_path_factory.mktemp(rung.name) / "run", plan_of(rung, tiny_plan))
            record_all(run, pair_data if rung.rewrites else text_data)
            made[rung.name] = run
        return made[rung.name]

    return make


LAST = (7, 12)  # of a run that counts, of one that learns by gradient descent
PLACES = {
    "at the very start": lambda e: isinstance(e, Sample) and e.step == 0,
    "at a step": lambda e: isinstance(e, Step) and e.step == 4,
    "at a step that is evaluated": lambda e: isinstance(e, Step) and e.step == 5,
    "at a step that is kept for replay": lambda e: isinstance(e, Step) and e.step == 6,
    "in the middle of an evaluation": lambda e: isinstance(e, Evaluating) and e.step == 5,
    "after an evaluation": lambda e: isinstance(e, Evaluated) and e.step == 5,
    "after its sample": lambda e: isinstance(e, Sample) and e.step == 5,
    "at a checkpoint for replay": lambda e: isinstance(e, Checkpoint) and e.step == 6,
    "in the middle of the last evaluation": lambda e: isinstance(e, Evaluating) and e.step in LAST,
    "after the last sample": lambda e: isinstance(e, Sample) and e.step in LAST,
}


@of_typical_rungs
@pytest.mark.parametrize("where", PLACES.values(), ids=PLACES)
def test_stopped_and_resumed(rung, where, uninterrupted, tiny_plan, begin, data, tmp_path):
    stopped = halt(rung, tiny_plan, begin, data, tmp_path / "run", where)
    assert stopped.status()[0] == "stopped"
    run = resume(tmp_path / "run", data)
    whole = uninterrupted(rung)
    assert run.status() == ("finished", None, whole.plan.steps)
    assert happened(run, snapshots=False) == happened(whole, snapshots=False)
    assert final(run) == final(whole)
    assert set(run.snapshots()) >= set(whole.snapshots())  # and one where it was stopped
    noted = [line["step"] for line in run.metrics() if line["type"] == "snapshot"]
    assert len(noted) == len(set(noted))
    assert {*noted, run.best()["step"]} == set(run.snapshots())


def test_stopped_and_resumed_after_every_few_events(
    uninterrupted, tiny_plan, begin, data, tmp_path
):
    run = begin(tmp_path / "run", plan_of(DECODER, tiny_plan))
    checkpoint = None
    for _ in range(100):
        events = recording.record(run, train(run.plan, data, resume=checkpoint))
        try:
            for _ in range(3):
                next(events)
        except StopIteration:
            break
        events.send(TakeCheckpoint())
        events.close()
        run = runs.open_run(tmp_path / "run")
        checkpoint = recording.rewind(run)
    whole = uninterrupted(DECODER)
    assert happened(run, snapshots=False) == happened(whole, snapshots=False)
    assert final(run) == final(whole)


@of_typical_rungs
@pytest.mark.parametrize("after", [2, 8, 19])
def test_crashed_and_resumed(rung, after, uninterrupted, tiny_plan, begin, data, tmp_path):
    """A process that dies says nothing; what it wrote after its last checkpoint is forgotten."""
    run = begin(tmp_path / "dying", plan_of(rung, tiny_plan))
    events = recording.record(run, train(run.plan, data))
    saved = False
    for number, event in enumerate(events, start=1):
        saved = saved or isinstance(event, Checkpoint)
        if number > after and saved:
            shutil.copytree(tmp_path / "dying", tmp_path / "run")  # as it lay there at that moment
            break
    with (tmp_path / "run" / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"type": "step", "step": 99, "loss": 1.0}\n{"type": "st')  # torn
    junk = tmp_path / "run" / "snapshots" / "00000099.safetensors"
    save_file({"x": torch.zeros(1)}, junk)
    (tmp_path / "run" / "snapshots" / ".00000100.safetensors.1.tmp").write_bytes(b"half")
    (tmp_path / "run" / ".status.json.1.tmp").write_bytes(b"half")
    status, reason, _ = runs.open_run(tmp_path / "run").status()
    assert (status, reason) == ("stopped", GONE)
    resumed = resume(tmp_path / "run", data)
    whole = uninterrupted(rung)
    assert happened(resumed) == happened(whole)
    assert final(resumed) == final(whole)
    assert resumed.snapshots() == whole.snapshots()
    assert not list((tmp_path / "run").rglob("*.tmp"))


@of_typical_rungs
@pytest.mark.parametrize("events", [0, 1])
def test_killed_before_its_first_checkpoint_a_run_begins_again(
    rung, events, uninterrupted, tiny_plan, begin, data, tmp_path
):
    """After run.json was written, or while the first checkpoint was."""
    run = begin(tmp_path / "run", plan_of(rung, tiny_plan))
    if events:
        whole = uninterrupted(rung).snapshot_path(0)
        shutil.copy(whole, run.snapshot_path(0))
        line = {"type": "sample", "step": 0, "text": "half a sample"}
        run.metrics_path.write_bytes(checksums.as_line(line))
    with pytest.raises(RunProblem, match=r"already holds a run: .* --resume it"):
        begin(tmp_path / "run", run.plan)
    assert recording.rewind(run) is None
    resumed, whole = resume(tmp_path / "run", data), uninterrupted(rung)
    assert happened(resumed) == happened(whole)
    assert final(resumed) == final(whole)
    assert resumed.snapshots() == whole.snapshots()


def test_the_command_line_begins_such_a_run_again(text, tmp_path):
    out = tmp_path / "run"
    lm("train", "bigram", "--corpus", text, "--out", out, *QUICK)
    (out / "resume.safetensors").unlink()
    shutil.rmtree(out / "snapshots")
    (out / "metrics.jsonl").write_bytes(b"")
    assert "--resume it" in refusal("train", "bigram", "--corpus", text, "--out", out, code=3)
    lm("train", "bigram", "--out", out, "--resume")
    assert runs.open_run(out).status() == ("finished", None, 12)


def test_resumed_after_a_change_of_the_learning_rate(tiny_plan, begin, data, tmp_path):
    def trained(directory, stop):
        run = begin(directory, plan_of(DECODER, tiny_plan))
        events = recording.record(run, train(run.plan, data))
        for event in events:
            if isinstance(event, Step) and event.step == 4:
                events.send(ChangeLearningRate(0.0007))
                if stop:
                    events.send(TakeCheckpoint())
                    events.close()
                    return resume(directory, data)
        return run

    whole, resumed = trained(tmp_path / "whole", False), trained(tmp_path / "resumed", True)
    assert {"type": "learning_rate", "step": 4, "learning_rate": 0.0007} in happened(whole)
    assert happened(resumed, snapshots=False) == happened(whole, snapshots=False)
    assert final(resumed) == final(whole)


def test_a_finished_run_resumed_stays_as_it_is(rung, uninterrupted, data, tmp_path):
    shutil.copytree(uninterrupted(rung).directory, tmp_path / "run")
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    resumed = resume(tmp_path / "run", data)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before
    assert resumed.status() == ("finished", None, resumed.plan.steps)
    assert final(resumed) == final(uninterrupted(rung))


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: os.truncate(d / "metrics.jsonl", 100),
        lambda d: (d / "metrics.jsonl").unlink(),
        lambda d: (d / "metrics.jsonl").write_bytes(b"\xff\x00 no JSON\n" * 1000),
        lambda d: (d / "resume.safetensors").unlink(),
        lambda d: (d / "resume.safetensors").write_bytes(b"garbage"),
        lambda d: (d / "resume.safetensors").write_bytes(b""),
        lambda d: os.truncate(d / "resume.safetensors", 3000),
        lambda d: save_file({"weights/x": torch.zeros(2)}, d / "resume.safetensors"),
        lambda d: altered(d, lambda t, m: m.pop("metrics_bytes")),
        lambda d: altered(d, lambda t, m: m.update(metrics_bytes="many")),
        lambda d: altered(d, lambda t, m: m.update(step="x")),
        lambda d: altered(d, lambda t, m: m.clear()),
        lambda d: altered(d, lambda t, m: t.update({"weights/more": torch.zeros(2)})),
        lambda d: altered(d, lambda t, m: t.update({"weights/head.weight": torch.zeros(2, 2)})),
        lambda d: altered(d, lambda t, m: t.pop("weights/head.weight")),
        lambda d: altered(d, lambda t, m: t.update({"nonsense": torch.zeros(2)})),
        lambda d: altered(d, lambda t, m: t.update({"optimizer/other:exp_avg": torch.zeros(2)})),
        lambda d: altered(
            d, lambda t, m: t.update({"optimizer/head.weight:exp_avg": torch.zeros(2)})
        ),
    ],
)
def test_a_damaged_run_is_not_resumed_and_loses_nothing(damage, trained, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(trained.directory, directory)
    damage(directory)
    before = contents(directory)
    with pytest.raises(RunProblem) as caught:
        recording.rewind(runs.open_run(directory))
    assert "\n" not in str(caught.value)
    assert str(directory) in str(caught.value)
    assert contents(directory) == before


def altered(directory, change):
    """Rewrite resume.safetensors with its tensors or its metadata changed."""
    tensors, metadata = files.read_tensors(directory / "resume.safetensors")
    change(tensors, metadata)
    save_file(tensors, directory / "resume.safetensors", metadata)


def contents(directory):
    return {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}


def test_a_resumed_run_says_where_it_stands_before_its_first_step(tiny_plan, begin, data, tmp_path):
    halt(DECODER, tiny_plan, begin, data, tmp_path / "run", PLACES["at a step"])
    run = runs.open_run(tmp_path / "run")
    events = recording.record(run, train(run.plan, data, resume=recording.rewind(run)))
    next(events)
    events.close()
    assert run.status()[2] >= 4
