"""Writing a run: resumed equals uninterrupted, and no fault of the disk loses anything."""

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import types
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lm import recording, runs
from lm.errors import Diverged, RunProblem, SettingsProblem
from lm.models import RUNGS
from lm.training import (
    ChangeLearningRate,
    Checkpoint,
    Evaluated,
    Evaluating,
    Sample,
    Step,
    TakeCheckpoint,
    train,
)

DECODER = RUNGS["decoder_transformer"]


def record_all(run, data, **options):
    for _ in recording.record(run, train(run.plan, data, **options)):
        pass


def resume(directory, data):
    """As the command line does it, in a process that knows nothing of the first."""
    run = runs.open_run(directory)
    record_all(run, data, resume=recording.rewind(run))
    return run


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


def temporaries(directory):
    return [path for path in Path(directory).rglob("*") if path.name.endswith(".tmp")]


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
def uninterrupted(tiny_plan, begin, data, tmp_path_factory):
    """The whole run of each rung, made once."""
    made = {}

    def make(rung):
        if rung.name not in made:
            run = begin(tmp_path_factory.mktemp(rung.name) / "run", plan_of(rung, tiny_plan))
            record_all(run, data)
            made[rung.name] = run
        return made[rung.name]

    return make


# A round trip


def test_what_is_written_is_read(rung, tiny_plan, begin, data, corpus, tmp_path):
    run = begin(tmp_path / "run", plan_of(rung, tiny_plan))
    assert run.status() == ("running", None, 0)
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
    assert again.record.tokens_per_step == 4 * 16
    assert again.status() == ("finished", None, 12)
    assert again.tokenizer() == data.tokenizer
    assert again.snapshots() == [0, 3, 6, 9, 10, 12]
    model, step = again.model()
    assert step == 12
    assert not model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, last[name])
    assert again.model(step=7)[1] == 6
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


def test_the_counted_table_is_kept(trained, data):
    table = trained.counted_pairs()
    assert table.shape == (data.tokenizer.vocab_size,) * 2
    assert table.sum(axis=1) == pytest.approx(1, abs=1e-5)


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
    class Tied(nn.Module):
        def __init__(self, config, vocab_size):
            super().__init__()
            self.embedding = nn.Embedding(vocab_size, 8)
            self.head = nn.Linear(8, vocab_size, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens):
            return self.head(self.embedding(tokens))

    run = begin(tmp_path / "run", tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Tied)))
    assert run.record.parameters == 8 * data.tokenizer.vocab_size
    record_all(run, data)
    checkpoint, _ = run.checkpoint()
    model, _ = run.model()
    assert torch.equal(model.head.weight, checkpoint.weights["embedding.weight"])
    assert model.head.weight is model.embedding.weight


# Resumed equals uninterrupted, bit for bit

PLACES = {
    "at the very start": lambda e: isinstance(e, Sample) and e.step == 0,
    "at a step": lambda e: isinstance(e, Step) and e.step == 4,
    "at a step that is evaluated": lambda e: isinstance(e, Step) and e.step == 5,
    "at a step that is kept for replay": lambda e: isinstance(e, Step) and e.step == 6,
    "in the middle of an evaluation": lambda e: isinstance(e, Evaluating) and e.step == 10,
    "after an evaluation": lambda e: isinstance(e, Evaluated) and e.step == 5,
    "after its sample": lambda e: isinstance(e, Sample) and e.step == 5,
    "at a checkpoint for replay": lambda e: isinstance(e, Checkpoint) and e.step == 6,
    "in the middle of the last evaluation": lambda e: isinstance(e, Evaluating) and e.step == 12,
    "after the last sample": lambda e: isinstance(e, Sample) and e.step == 12,
}


@pytest.mark.parametrize("where", PLACES.values(), ids=PLACES)
def test_stopped_and_resumed(rung, where, uninterrupted, tiny_plan, begin, data, tmp_path):
    stopped = halt(rung, tiny_plan, begin, data, tmp_path / "run", where)
    assert stopped.status()[0] == "stopped"
    run = resume(tmp_path / "run", data)
    whole = uninterrupted(rung)
    assert run.status() == ("finished", None, 12)
    assert happened(run, snapshots=False) == happened(whole, snapshots=False)
    assert final(run) == final(whole)
    assert set(run.snapshots()) >= set(whole.snapshots())  # and one where it was stopped
    noted = [line["step"] for line in run.metrics() if line["type"] == "snapshot"]
    assert sorted(noted) == run.snapshots()  # each once


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


@pytest.mark.parametrize("after", [1, 2, 5, 8, 12, 19])
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
    assert runs.open_run(tmp_path / "run").status()[0] == "running"
    resumed = resume(tmp_path / "run", data)
    whole = uninterrupted(rung)
    assert happened(resumed) == happened(whole)
    assert final(resumed) == final(whole)
    assert resumed.snapshots() == whole.snapshots()


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
    assert resumed.status() == ("finished", None, 12)
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
    tensors, metadata = runs.read_tensors(directory / "resume.safetensors")
    change(tensors, metadata)
    save_file(tensors, directory / "resume.safetensors", metadata)


def contents(directory):
    return {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}


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


def test_run_away_is_failed_with_the_reason(tiny_plan, begin, data, tmp_path):
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


def test_a_resumed_run_says_where_it_stands_before_its_first_step(tiny_plan, begin, data, tmp_path):
    halt(DECODER, tiny_plan, begin, data, tmp_path / "run", PLACES["at a step"])
    run = runs.open_run(tmp_path / "run")
    events = recording.record(run, train(run.plan, data, resume=recording.rewind(run)))
    next(events)
    events.close()
    assert run.status()[2] >= 4


# The disk


@contextlib.contextmanager
def failing(function, number, when=lambda *arguments: True):
    """Make os.<function> fail as the system does."""
    true = getattr(os, function)

    def fail(*arguments, **options):
        if when(*arguments):
            raise OSError(number, os.strerror(number), str(arguments[0]))
        return true(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, function, fail)
        yield


ERRORS = pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EACCES, "it is read-only; choose another folder"),
        (errno.EROFS, "it is read-only; choose another folder"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)


@ERRORS
@pytest.mark.parametrize("write", ["write_status", "write_text"])
def test_a_failing_write_leaves_the_old_file(write, number, advice, tmp_path):
    path = tmp_path / "status.json"

    def put(step):
        if write == "write_status":
            recording.write_status(tmp_path, "running", step)
        else:
            recording.write_text(path, f"text {step}")

    put(1)
    before = path.read_bytes()
    with failing("replace", number), pytest.raises(RunProblem, match=advice):
        put(2)
    assert path.read_bytes() == before
    assert not temporaries(tmp_path)
    put(3)
    assert path.read_bytes() != before


@ERRORS
def test_a_disk_that_fails_while_training(number, advice, tiny_plan, begin, data, tmp_path):
    """What was written until then can be read, and the run resumed once there is space."""
    run = begin(tmp_path / "run", tiny_plan(DECODER))
    events, told = recording.record(run, train(run.plan, data)), []
    sixth = failing("replace", number, lambda a, b: "00000006" in str(b))
    with sixth, pytest.raises(RunProblem) as caught:
        told.extend(events)
    assert advice in str(caught.value)
    assert run.status() == ("failed", str(caught.value), 6)
    assert told[-1].step == 6
    assert run.snapshots() == [0, 3]
    assert [line["step"] for line in run.metrics() if line["type"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert not temporaries(tmp_path)
    assert resume(tmp_path / "run", data).status()[0] == "finished"


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_under_the_metrics(tiny_plan, begin, data, tmp_path, monkeypatch):
    run, opened = begin(tmp_path / "run", tiny_plan(DECODER)), Path.open

    def open_on_a_full_disk(path, mode="r", *arguments, **options):
        file = opened(path, mode, *arguments, **options)
        if mode == "a":
            file = types.SimpleNamespace(write=full, close=file.close)
        return file

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
    with pytest.raises(RunProblem, match="the disk is full"):
        record_all(run, data)
    status, reason, _ = run.status()
    assert status == "failed"
    assert "the disk is full" in reason


def test_a_full_disk_while_tensors_are_written(tiny_plan, begin, data, tmp_path, monkeypatch):
    """The tensors' own writer reports it in its own way."""

    def no_space(tensors, path, metadata):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    run = begin(tmp_path / "run", tiny_plan(DECODER))
    monkeypatch.setattr(recording, "save_file", no_space)
    with pytest.raises(RunProblem, match="the disk is full"):
        record_all(run, data)
    assert run.status()[0] == "failed"


@ERRORS
def test_a_run_cannot_be_begun_on_such_a_disk(number, advice, tiny_plan, begin, data, tmp_path):
    with failing("replace", number), pytest.raises(RunProblem, match=advice):
        begin(tmp_path / "run", tiny_plan(DECODER))
    assert not temporaries(tmp_path)
    with pytest.raises(RunProblem, match="holds no run"):
        runs.open_run(tmp_path / "run")
    record_all(begin(tmp_path / "run", tiny_plan(DECODER)), data)  # once there is space


def test_a_folder_that_cannot_be_made(tiny_plan, begin, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for directory in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunProblem, match="cannot be written"):
            begin(directory, tiny_plan(DECODER))
    assert (tmp_path / "file").read_text() == "in the way"


def test_what_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="nan"):
        recording.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


# A small copy


def size(directory):
    return sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())


def test_a_packed_run_is_smaller_and_can_be_opened(trained, data, tmp_path):
    packed_size = recording.pack(trained, tmp_path / "packed", 3, note="as a gift")
    packed = runs.open_run(tmp_path / "packed")
    assert packed_size == size(tmp_path / "packed") < size(trained.directory) / 2
    assert packed.record.note == "as a gift"
    assert packed.plan == trained.plan
    assert packed.status() == trained.status()
    assert packed.tokenizer() == data.tokenizer
    assert packed.counted_pairs().tolist() == trained.counted_pairs().tolist()
    kept = packed.snapshots()
    assert len(kept) == 3
    assert {0, 12} <= set(kept) <= set(trained.snapshots())
    assert packed.metrics() == [
        line for line in trained.metrics() if line["type"] != "snapshot" or line["step"] in kept
    ]
    with pytest.raises(RunProblem, match=r"resume\.safetensors is missing"):
        recording.rewind(packed)


def test_a_packed_run_holds_half_precision(trained, tmp_path):
    recording.pack(trained, tmp_path / "packed", 2)
    tensors = load_file(tmp_path / "packed" / "snapshots" / "00000012.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    (half, _), (full, _) = runs.open_run(tmp_path / "packed").model(), trained.model()
    for name, tensor in full.state_dict().items():
        assert half.state_dict()[name].dtype == torch.float32
        torch.testing.assert_close(half.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_packed_run_names_no_path_of_this_machine(trained, tmp_path):
    elsewhere = trained.record.corpus.model_copy(update={"path": "/home/somebody/secret.txt"})
    record = trained.record.model_copy(update={"corpus": elsewhere})
    recording.pack(runs.Run(trained.directory, record, trained.plan), tmp_path / "packed", 2)
    assert "somebody" not in (tmp_path / "packed" / "run.json").read_text()


def test_what_cannot_be_packed(trained, tiny_plan, begin, tmp_path):
    with pytest.raises(RunProblem, match="already exists"):
        recording.pack(trained, trained.directory, 3)
    with pytest.raises(SettingsProblem, match="at least 2"):
        recording.pack(trained, tmp_path / "packed", 1)
    with pytest.raises(RunProblem, match="no snapshot"):
        recording.pack(begin(tmp_path / "new", tiny_plan(DECODER)), tmp_path / "packed", 2)
    shutil.copytree(trained.directory, tmp_path / "damaged")
    (tmp_path / "damaged" / "status.json").unlink()
    with pytest.raises(RunProblem, match=r"status\.json is missing"):
        recording.pack(runs.open_run(tmp_path / "damaged"), tmp_path / "packed", 2)
    assert not (tmp_path / "packed").exists()  # nothing half-done is left


def test_lines_are_json_that_a_browser_reads(trained):
    """No NaN, no Infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    for line in trained.metrics_path.read_text("utf-8").splitlines():
        json.loads(line, parse_constant=refuse)
