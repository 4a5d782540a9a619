"""Writing a run: what is written is read, and what becomes of a run is said."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lm import runs
from lm.errors import Diverged, RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import recording
from lm.training.events import Checkpoint, Evaluated, Sample, Step
from lm.training.loop import replay_steps, train
from tests.lm.recorded import record_all
from tests.lm.toy_models import Tied

DECODER = RUNGS["decoder_transformer"]


def temporaries(directory):
    return [path for path in Path(directory).rglob("*") if path.name.endswith(".tmp")]


def plan_of(rung, tiny_plan):
    return tiny_plan(rung, dropout=0.3, steps=12, evaluate_every=5)


# A round trip


def test_what_is_written_is_read(rung, tiny_plan, begin, data, corpus, tmp_path):
    run = begin(tmp_path / "run", plan_of(rung, tiny_plan))
    assert run.status() == ("stopped", None, 0)  # nothing trains it yet
    assert run.metrics() == []
    told, last = [], None
    for event in recording.record(run, train(run.plan, data)):
        told.append(event)
        if isinstance(event, Checkpoint):
            last = {name: t.clone() for name, t in event.weights.items()}
    again = runs.open_run(tmp_path / "run")
    assert again.plan == run.plan
    assert again.record == run.record
    assert again.record.corpus.sha256 == corpus.sha256
    assert again.record.tokens_per_step == run.plan.tokens_per_step(len(corpus.train_text))
    assert again.status() == ("finished", None, run.plan.steps)
    assert again.tokenizer() == data.tokenizer
    best = min(again.evaluations(), key=lambda line: line["loss"])
    assert again.snapshots() == sorted(replay_steps(run.plan) | {best["step"]})
    model, step = again.model()
    assert step == run.plan.steps
    assert not model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, last[name])
    assert again.model(step=7)[1] == min(again.snapshots(), key=lambda step: abs(step - 7))
    evaluations = [line for line in again.metrics() if line["type"] == "evaluation"]
    assert [(line["step"], line["loss"]) for line in evaluations] == [
        (e.step, e.loss) for e in told if isinstance(e, Evaluated)
    ]
    assert [line["text"] for line in again.metrics() if line["type"] == "sample"] == [
        e.text for e in told if isinstance(e, Sample)
    ]
    steps = [line for line in again.metrics() if line["type"] == "step"]
    assert [line["loss"] for line in steps] == pytest.approx(
        [e.loss for e in told if isinstance(e, Step)], abs=1e-5
    )
    assert not temporaries(tmp_path)


def test_no_table_of_pairs_is_kept(trained):
    """It would grow with the square of the vocabulary: 1.5 GB in each run on 19,636 characters."""
    vocab_size, smallest = trained.record.vocab_size, 0
    for path in trained.directory.rglob("*.safetensors"):
        tensors = load_file(path).values()
        assert all(tensor.shape[-2:] != (vocab_size, vocab_size) for tensor in tensors)
        smallest += 1
    assert smallest
    assert not (trained.directory / "counted.safetensors").exists()


def test_a_reader_sees_every_event_at_once(tiny_plan, begin, data, tmp_path):
    """Not when a buffer is full: a paused run shows its last step."""
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=5))
    for event in recording.record(run, train(run.plan, data)):
        if isinstance(event, Step):
            assert runs.open_run(tmp_path / "run").metrics()[-1]["step"] == event.step


def test_a_folder_with_a_run_is_not_written_over(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    record_all(run, data)
    (tmp_path / "run" / "run.json").rename(tmp_path / "run.json")
    with pytest.raises(RunProblem, match="already holds a run"):
        begin(tmp_path / "run", tiny_plan(DECODER))
    (tmp_path / "run.json").rename(tmp_path / "run" / "run.json")
    with pytest.raises(RunProblem, match="already holds a run"):
        begin(tmp_path / "run", tiny_plan(DECODER))
    assert run.status()[0] == "finished"


def test_a_matrix_that_two_parts_share_can_be_saved(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Tied)))
    assert run.record.parameters == 8 * data.tokenizer.vocab_size
    record_all(run, data)
    checkpoint, _ = run.checkpoint()
    model, _ = run.model()
    assert torch.equal(model.head.weight, checkpoint.weights["embedding.weight"])
    assert model.head.weight is model.embedding.weight


# What becomes of a run


def test_closed_is_stopped(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    inner = train(run.plan, data)
    events = recording.record(run, inner)
    for event in events:
        if isinstance(event, Step) and event.step == 3:
            break
    assert run.status()[0] == "running"
    events.close()
    assert run.status() == ("stopped", None, 3)
    assert inner.gi_frame is None  # the training, too, has ended


def test_interrupted_is_stopped(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    events = recording.record(run, train(run.plan, data))
    next(events)
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)
    assert run.status()[0] == "stopped"


def test_a_loss_that_diverges_is_failed_with_the_reason(tiny_plan, begin, data, tmp_path):
    plan = tiny_plan(
        RUNGS["multi_head_attention"],
        steps=100,
        learning_rate=1.0,
        gradient_clip=0.0,
        warmup_steps=0,
    )
    run = begin(tmp_path / "run", plan)
    with pytest.raises(Diverged) as caught:
        record_all(run, data)
    status, reason, step = run.status()
    assert (status, reason) == ("failed", str(caught.value))
    assert step > 0
    model, at = run.model()  # the last good snapshot
    assert at > 0
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_text_that_is_too_short_is_failed_with_the_reason(tiny_plan, begin, data, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    with pytest.raises(SettingsProblem) as caught:
        record_all(run, dataclasses.replace(data, train=data.train[:5]))
    assert run.status() == ("failed", str(caught.value), 0)


def test_a_fault_of_the_program_is_failed_and_keeps_its_traceback(tiny_plan, begin, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(DECODER))

    def faulty():
        yield Step(1, 4.0, 0.001, 1.0, 0.1)
        raise ZeroDivisionError("a slip")

    with pytest.raises(ZeroDivisionError):
        for _ in recording.record(run, faulty()):
            pass
    status, reason, step = run.status()
    assert (status, step) == ("failed", 1)
    assert "a slip" in reason
