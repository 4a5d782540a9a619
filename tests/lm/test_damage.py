"""A flipped bit anywhere in a run is one sentence, never another number."""

import random
import shutil

import pytest

from lm import runs
from lm.errors import RunProblem
from lm.runs import files, packing

SHOWN = {"type", "step", "loss", "bits_per_char", "seconds", "text", "learning_rate", "grad_norm"}
FLIPS = 30  # of each file; one in a thousand bits stands in a name or a space that no reader needs


def in_bytes(tensors):
    return {name: (t.shape, t.dtype, t.numpy().tobytes()) for name, t in tensors.items()}


def contents(directory):
    """All that can be read of a run, as data that can be compared."""
    run = runs.open_run(directory)
    models = {step: run.model(step)[0].state_dict() for step in run.snapshots()}
    weights = {step: in_bytes(model) for step, model in models.items()}
    read = [run.record, run.plan.values(), run.tokenizer().to_json(), run.status()[:2], weights]
    if (directory / "resume.safetensors").exists():
        checkpoint, written = run.checkpoint()
        read += [in_bytes(checkpoint.weights | checkpoint.optimizer), written, checkpoint.seconds]
        read += [
            checkpoint.step,
            checkpoint.evaluated,
            checkpoint.sampled,
            checkpoint.learning_rate,
        ]
    return read, [{k: v for k, v in line.items() if k in SHOWN} for line in run.metrics()]


@pytest.fixture(scope="module", params=["trained", "packed"])
def whole(request, trained, tmp_path_factory):
    """A run as training leaves it, and as it is shipped."""
    if request.param == "trained":
        return trained.directory
    packed = tmp_path_factory.mktemp("shipped") / "run"
    packing.pack(trained, packed, 2)
    return packed


def test_a_flipped_bit_is_found_in_every_file(whole, tmp_path):
    directory = shutil.copytree(whole, tmp_path / "run")
    for between in runs.open_run(directory).snapshots()[1:-1]:
        runs.open_run(directory).snapshot_path(between).unlink()  # for the time it takes
    undamaged, metrics = contents(directory)
    numbers, found, tried = random.Random(0), 0, 0
    for path in sorted(directory.rglob("*")):
        if path.suffix not in (".json", ".jsonl", ".safetensors"):
            continue
        data = path.read_bytes()
        for _ in range(FLIPS):
            place, bit = numbers.randrange(len(data)), 1 << numbers.randrange(8)
            path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            tried += 1
            try:
                read, lines = contents(directory)
            except RunProblem as problem:
                assert str(directory) in str(problem) and "\n" not in str(problem)
                found += 1
            else:
                assert read == undamaged, f"{path.name}: bit {bit} of byte {place}"
                # A line end that is no more is a line that was cut short by a crash.
                assert lines == metrics or (place == len(data) - 1 and lines == metrics[:-1])
        path.write_bytes(data)
    assert found > 0.9 * tried


def test_a_damaged_snapshot_says_which_others_are_kept(trained, tmp_path):
    directory = shutil.copytree(trained.directory, tmp_path / "run")
    run = runs.open_run(directory)
    path = run.snapshot_path(12)
    data = path.read_bytes()
    path.write_bytes(data[:-5] + b"X" + data[-4:])
    with pytest.raises(RunProblem) as caught:
        run.model()
    assert f"{path} is damaged: its contents are not those that were written." in str(caught.value)
    assert "Other snapshots are kept: of step 0, 3, 6, 9, 10." in str(caught.value)
    assert run.model(10)[1] == 10


def test_a_changed_line_of_the_metrics_is_named(trained, tmp_path):
    directory = shutil.copytree(trained.directory, tmp_path / "run")
    path = directory / "metrics.jsonl"
    line = path.read_bytes().index(b'{"type":"step","step":7')
    data = bytearray(path.read_bytes())
    data[line + 26] ^= 1  # in the loss
    path.write_bytes(data)
    with pytest.raises(RunProblem, match=f"the line at byte {line:,} has changed"):
        runs.open_run(directory).metrics()
    with pytest.raises(RunProblem, match="has changed"):
        runs.recording.rewind(runs.open_run(directory))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lines: lines[:7] + lines[8:], id="one left out"),
        pytest.param(lambda lines: lines[1:], id="the first left out"),
        pytest.param(lambda lines: lines[:7] + lines[6:], id="one repeated"),
        pytest.param(lambda lines: [*lines, lines[-1]], id="the last repeated"),
        pytest.param(lambda lines: lines[:7] + lines[8:] + lines[7:8], id="one moved"),
        pytest.param(lambda lines: lines[:-1], id="the last left out"),
        pytest.param(lambda lines: lines[:5], id="cut"),
        pytest.param(lambda lines: [], id="emptied"),
    ],
)
def test_lines_that_are_missing_or_too_many_are_found(trained, tmp_path, change):
    """Each line that is left is whole."""
    directory = shutil.copytree(trained.directory, tmp_path / "run")
    path = directory / "metrics.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    run = runs.open_run(directory)
    with pytest.raises(
        RunProblem, match=r"metrics\.jsonl is damaged: (the line at|it has been cut short)"
    ):
        run.metrics(), run.status()
    if len(path.read_bytes()) <= len((trained.directory / "metrics.jsonl").read_bytes()):
        # A line too many is forgotten there.
        with pytest.raises(RunProblem, match=r"metrics\.jsonl"):
            runs.recording.rewind(run)


def test_weights_that_change_places_are_found(trained, tmp_path):
    """Each file is whole: only its name says of which step it is."""
    directory = shutil.copytree(trained.directory, tmp_path / "run")
    run = runs.open_run(directory)
    first, *_, last = run.snapshots()
    paths = [run.snapshot_path(first), run.snapshot_path(last)]
    contents_of = [path.read_bytes() for path in paths]
    for path, swapped in zip(paths, contents_of[::-1], strict=True):
        path.write_bytes(swapped)
    with pytest.raises(RunProblem, match=f"it holds the weights of step {first}"):
        run.model()
    paths[1].write_bytes((directory / "resume.safetensors").read_bytes())
    with pytest.raises(RunProblem, match="it is no snapshot"):
        run.model()
    paths[1].unlink()
    with pytest.raises(RunProblem, match=rf"{last:08d}\.safetensors is missing: it was deleted"):
        run.model()
    tokenizer = directory / "tokenizer.json"
    tokenizer.write_bytes((directory / "status.json").read_bytes())
    with pytest.raises(RunProblem, match=r"tokenizer\.json cannot be used"):
        run.tokenizer()


LATER = ("train_loss", "layer_norms")  # which the first version did not record


def test_what_was_written_before_there_were_checksums_is_read(trained, tmp_path):
    directory = shutil.copytree(trained.directory, tmp_path / "run")
    for path in directory.glob("*.json"):
        record = files.read_json(path)
        record.pop("metrics_bytes", None)
        path.write_text(files.json.dumps(record))
    for path in directory.rglob("*.safetensors"):
        tensors, metadata = files.read_tensors(path)
        metadata.pop("metrics_checksum", None)
        files.save_file(tensors, path, metadata)
    path = directory / "metrics.jsonl"
    records = runs.read_metrics(path)[0]
    for record in records:
        for later in LATER:
            record.pop(later, None)
    path.write_text("".join(files.json.dumps(record) + "\n" for record in records))
    read, metrics = contents(directory)
    expected, lines = contents(trained.directory)
    for line in lines:
        for later in LATER:
            line.pop(later, None)
    assert metrics == lines
    # The first version knew no checksum of the metrics at a checkpoint.
    assert read[:6] == expected[:6] and read[7:] == expected[7:]
