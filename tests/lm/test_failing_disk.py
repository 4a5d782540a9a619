"""No fault of the disk loses anything: the old file stays, and one sentence says what is wrong."""

import contextlib
import errno
import os
import types
from pathlib import Path

import pytest
from safetensors import SafetensorError

from lm import runs
from lm.errors import RunProblem
from lm.ladder import RUNGS
from lm.runs import files, recording
from lm.training.loop import train
from tests.lm.recorded import record_all, resume

DECODER = RUNGS["decoder_transformer"]


def temporaries(directory):
    return [path for path in Path(directory).rglob("*") if path.name.endswith(".tmp")]


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
            files.write_text(path, f"text {step}")

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
    assert run.snapshots() == [0, 3, 5]  # 5: the best, evaluated there
    assert [line["step"] for line in run.metrics() if line["type"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert not temporaries(tmp_path)
    assert resume(tmp_path / "run", data).status()[0] == "finished"


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_under_the_metrics(tiny_plan, begin, data, tmp_path, monkeypatch):
    run, opened = begin(tmp_path / "run", tiny_plan(DECODER)), Path.open

    def open_on_a_full_disk(path, mode="r", *arguments, **options):
        file = opened(path, mode, *arguments, **options)
        if mode == "ab":
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
    monkeypatch.setattr(files, "save_file", no_space)
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
        files.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []
