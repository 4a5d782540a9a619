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
from lm.training.learner import diverged
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
    a_step = run.plan.tokens_per_step(len(corpus.train_text))
    if rung.rewrites:
        a_step = run.plan.training.batch_size * (3 + 1)  # of each pair three digits and the end
    assert again.record.tokens_per_step == a_step
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
    assert "Try a learning rate of 0.3" in reason and "The best snapshot that is kept is" in reason
    assert step > 0
    model, at = run.model()  # of the last snapshot
    assert at > 0
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def checkpoint(run, step, replay=False):
    """A checkpoint with weights that tell the step."""
    model = run.plan.rung.model(run.plan.model, run.record.vocab_size)
    weights = {name: torch.full_like(t, step) for name, t in model.state_dict().items()}
    return Checkpoint(step, step, step, 0.1, 0.01, weights, {}, replay)


def losing(run, losses, kept=()):
    """Events of a run whose validation loss after each 10 steps is the next of `losses`."""
    yield checkpoint(run, 0, replay=True)
    for number, loss in enumerate(losses, start=1):
        for step in range(number * 10 - 9, number * 10 + 1):
            yield Step(step, loss + 1, 0.01, 1.0, 0.1 * step)
        yield Evaluated(number * 10, loss, loss / 0.693, 0.1)
        yield checkpoint(run, number * 10, replay=number * 10 in kept)


@pytest.mark.parametrize(
    ("losses", "kept", "snapshots", "best"),
    [
        ([3.0, 2.0, 2.5, 2.2], (), [0, 20], 20),
        ([3.0, 2.0, 1.5, 1.2], (), [0, 40], 40),  # of those that were the best for a while, none
        ([3.0, 2.0, 2.5], (20, 30), [0, 20, 30], 20),
        ([2.0, 3.0, 1.0], (10,), [0, 10, 30], 30),
    ],
)
def test_the_best_snapshot_is_kept(losses, kept, snapshots, best, tiny_plan, begin, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=40))
    for _ in recording.record(run, losing(run, losses, kept)):
        pass
    assert run.snapshots() == snapshots
    assert run.best()["step"] == best and run.best()["loss"] == min(losses)
    assert (next(run.model(best)[0].parameters()) == best).all()


def test_the_best_snapshot_is_kept_across_an_interruption(tiny_plan, begin, tmp_path):
    """Also when it is the very one at which the run is stopped, and so kept for another reason."""
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=40))
    events = losing(run, [3.0, 2.0])
    for _ in recording.record(run, events):
        pass
    assert run.snapshots() == [0, 20]
    rest = iter(
        [checkpoint(run, 20, replay=True), Evaluated(30, 1.0, 1.4, 0.1), checkpoint(run, 30)]
    )
    for _ in recording.record(run, (event for event in rest)):
        pass
    assert run.snapshots() == [0, 20, 30]
    assert [line["step"] for line in run.metrics() if line["type"] == "snapshot"] == [0, 20]
    last = iter([Evaluated(40, 0.5, 0.7, 0.1), checkpoint(run, 40)])
    for _ in recording.record(run, (event for event in last)):
        pass
    assert run.snapshots() == [0, 20, 40]


@pytest.mark.parametrize(
    ("losses", "kept", "words"),
    [
        # Step 1 told that the loss was 4 before it, so with the weights of step 0.
        ([], (), ""),
        ([780.0], (10,), "is of step 10, with a loss of 780."),
        ([3.0, 780.0], (20,), "is of step 10, with a loss of 3."),
        ([3.456, 3.6, 780.0], (20, 30), "is of step 10, with a loss of 3.46."),
    ],
)
def test_of_a_run_that_diverged_the_best_snapshot_is_named(
    losses, kept, words, tiny_plan, begin, tmp_path
):
    """Not the last, whose loss may have been 780. Without any number, no snapshot is praised."""
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=40))

    def events():
        yield from losing(run, losses, kept)
        raise diverged(len(losses) * 10 + 1, 781.0, 0.3)

    with pytest.raises(Diverged) as caught:
        for _ in recording.record(run, events()):
            pass
    sentence = str(caught.value)
    assert sentence.endswith(f"The best snapshot that is kept {words}" if words else "warm-up.")
    assert run.status()[1] == sentence


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
