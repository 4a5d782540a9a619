"""Reading a run: whatever is damaged or foreign is one clear sentence, and stays as it is."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lm import baselines, corpora, runs, tasks
from lm.errors import CorpusProblem, RunProblem
from lm.ladder import RUNGS
from lm.runs import files, recording
from lm.runs import run as run_module
from lm.tokenizers import CharacterTokenizer

SHIPPED = Path(__file__).parents[2] / "checkpoints"
FILES = ("run.json", "tokenizer.json", "metrics.jsonl", "status.json")
LAST = "snapshots/00000012.safetensors"


@pytest.fixture
def directory(trained, tmp_path):
    """A copy of a finished run, to be damaged."""
    return shutil.copytree(trained.directory, tmp_path / "run")


def read_all(directory):
    """Everything that the page or the command line reads of a run that has ended."""
    run = runs.open_run(directory)
    run.tokenizer()
    run.metrics()
    run.status()
    if (directory / "counted.safetensors").exists():
        run.counted_pairs  # noqa: B018
    for step in run.snapshots():
        run.model(step)


def refused(directory, match="damaged"):
    """The sentence about a damaged run; reading has changed nothing."""
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with pytest.raises(RunProblem, match=match) as caught:
        read_all(directory)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before
    return str(caught.value)


def edit(path, **changes):
    """Change a JSON file as a program does, with the checksum that belongs to it."""
    files.write_json(path, files.read_json(path) | changes)


def edit_part(directory, part, settings):
    """Replace the settings of one part of the plan in run.json; None removes the part."""
    path = directory / "run.json"
    plan = json.loads(path.read_text())["plan"]
    edit(path, plan={n: s for n, s in (plan | {part: settings}).items() if s is not None})


def test_an_undamaged_run_is_read(directory):
    read_all(directory)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(directory, name):
    (directory / name).unlink()
    assert name in refused(directory, match=r"missing|no run|cannot be read")


@pytest.mark.parametrize("name", [*FILES, LAST])
@pytest.mark.parametrize("garbage", [b"\xff\xfe\x00garbage\n", b"[1, 2]\n", b'"text"\n', b"{}\n"])
def test_garbage(directory, name, garbage):
    (directory / name).write_bytes(garbage)
    refused(directory, match=r"damaged|of format None|unknown kind")


@pytest.mark.parametrize("name", [n for n in (*FILES, LAST) if n != "metrics.jsonl"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_file_cut_short(directory, name, share):
    os.truncate(directory / name, int((directory / name).stat().st_size * share))
    refused(directory)


def test_metrics_cut_short_lose_the_torn_line_only(directory):
    run = runs.open_run(directory)
    whole = run.metrics()
    os.truncate(run.metrics_path, run.metrics_path.stat().st_size - 3)
    assert run.metrics() == whole[:-1]


@pytest.mark.parametrize(
    "line", ["5", "null", "[]", "{}", '{"type": "step"}', '{"step": 3}', "{", "\x00"]
)
def test_a_foreign_line_in_the_metrics(directory, line):
    metrics = directory / "metrics.jsonl"
    metrics.write_text(line + "\n" + metrics.read_text())
    assert "metrics.jsonl" in refused(directory)


def test_metrics_are_read_on_from_where_one_stopped(directory):
    path = directory / "metrics.jsonl"
    whole = path.read_bytes()
    seen, place = [], 0
    for end in range(0, len(whole) + 97, 97):  # as it would grow
        path.write_bytes(whole[:end])
        fresh, place = runs.read_metrics(path, place)
        seen += fresh
    assert seen == runs.read_metrics(path)[0] and len(seen) == whole.count(b"\n")
    assert place == len(whole)
    assert runs.read_metrics(path, place) == ([], place)


@pytest.mark.parametrize("number", [0, 3, "1", None])
def test_another_format(directory, number):
    edit(directory / "run.json", format=number)
    assert "reads formats 1 and 2" in refused(directory, match=f"of format {number!r}")


def as_format_1(directory):
    """Write a run's description as the first version of this project did."""
    path = directory / "run.json"
    record = files.read_json(path)
    plan = record.pop("plan")
    training = plan["training"]
    config = plan["model"] | {"ngram_share": training.pop("ngram_share")}
    path.write_text(json.dumps(record | {"format": 1, "config": config, "training": training}))


def test_a_run_of_format_1_opens_as_the_same_run(directory):
    plan = runs.open_run(directory).plan
    as_format_1(directory)
    read_all(directory)
    assert runs.open_run(directory).plan == plan
    recording.rewind(runs.open_run(directory))


@pytest.mark.parametrize("part", ["config", "training"])
def test_a_run_of_format_1_with_a_part_missing(directory, part):
    as_format_1(directory)
    edit(directory / "run.json", **{part: None})
    refused(directory, match=part)


def test_the_included_runs_of_format_1_open(text_rung):
    """They were written by the first version, and the decoder's best with counted n-grams in its config."""
    found = sorted(SHIPPED.glob(f"{text_rung.name}*/run.json"))
    assert found
    for path in found:
        run = runs.open_run(path.parent)
        assert run.plan.rung is text_rung
        read_all(path.parent)
        assert run.record.recipe in (run.plan.recipe, None)  # the n-gram had none to name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": "no_such_rung"}, "no_such_rung"),
        ({"model": 5}, "model"),
        ({"plan": None}, "plan"),
        ({"plan": {"model": 5}}, r"plan\.model"),
        ({"corpus": {}}, r"corpus\.name"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"vocab_size": "x"}, "vocab_size"),
        ({"baselines": {"uniform": "x"}}, r"baselines\.uniform"),
    ],
)
def test_a_foreign_description(directory, changes, named):
    edit(directory / "run.json", **changes)
    refused(directory, match=named)


@pytest.mark.parametrize(
    ("part", "settings", "named"),
    [
        ("model", {"n_embd": -1}, "Embedding size"),
        ("model", {"n_embd": 30, "n_head": 4}, "4 attention heads"),
        ("model", {"colour": "red"}, "colour"),
        ("model", {"n_embd": "wide"}, "Embedding size"),
        ("model", None, "no part 'model'"),
        ("training", {"steps": 0}, "Steps"),
        ("training", {"momentum": 1}, "momentum"),
        ("tokenizer", None, "no part 'tokenizer'"),
        ("tokenizer", {"tokenizer": "syllables"}, "Tokens is one of characters"),
        ("task", {"task": "translate"}, "Task is one of continue"),
        ("start", {"start": "elsewhere"}, "does not say which"),
        ("optimizer", {"kind": "sgd"}, "part 'optimizer' that this program does not know"),
    ],
)
def test_a_plan_with_a_foreign_part(directory, part, settings, named):
    edit_part(directory, part, settings)
    refused(directory, match=named)


def test_a_task_that_the_model_cannot_learn(directory, monkeypatch):
    monkeypatch.setitem(tasks.KINDS, "copy", tasks.ContinueText)
    edit_part(directory, "task", {"task": "copy"})
    refused(directory, match="Decoder transformer cannot learn the task 'copy': it learns continue")


@pytest.mark.parametrize(
    "changes", [{"n_embd": 32}, {"n_layer": 1}, {"n_layer": 3}, {"context_length": 32}]
)
def test_weights_of_another_shape(directory, changes):
    model = json.loads((directory / "run.json").read_text())["plan"]["model"]
    edit_part(directory, "model", model | changes)
    assert "snapshots" in refused(directory, match="does not fit the model")


def test_weights_of_another_model(directory):
    edit(directory / "run.json", model="bigram")
    edit_part(directory, "model", {"n_embd": 16, "context_length": 16})
    refused(directory, match="does not fit the model")


@pytest.mark.parametrize("vocab_size", [1, 22, 10**12])
def test_a_vocabulary_of_another_size(directory, vocab_size):
    edit(directory / "run.json", vocab_size=vocab_size)
    assert "tokenizer" in refused(directory)
    with pytest.raises(RunProblem, match="does not fit"):
        runs.open_run(directory).model()
    save_file({"pairs": torch.zeros(23, 23)}, directory / "counted.safetensors")
    with pytest.raises(RunProblem, match="of another run"):
        runs.open_run(directory).counted_pairs  # noqa: B018


def test_the_tokenizer_of_another_run(directory):
    other = CharacterTokenizer.from_text("abc")
    (directory / "tokenizer.json").write_text(json.dumps(other.to_json()))
    assert "tokenizer is of another run" in refused(directory)


@pytest.mark.parametrize(
    "saved",
    [
        {"kind": "subwords"},
        {"kind": "characters"},
        {"kind": "characters", "characters": "ba"},
        {"kind": "characters", "characters": ""},
        {"kind": "characters", "characters": 7},
    ],
)
def test_a_damaged_tokenizer(directory, saved):
    (directory / "tokenizer.json").write_text(json.dumps(saved))
    refused(directory, match="tokenizer")


@pytest.mark.parametrize(
    "status", [{"status": "asleep", "step": 1}, {"status": "paused"}, {"step": 3}, {"status": 1}]
)
def test_a_foreign_status(directory, status):
    (directory / "status.json").write_text(json.dumps(status))
    assert "status.json" in refused(directory)


def test_a_missing_tensor(directory):
    tensors = load_file(directory / LAST)
    tensors.pop("head.weight")
    save_file(tensors, directory / LAST, {"step": str(int(LAST[-20:-12]))})
    refused(directory, match="does not fit")


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"other": torch.zeros(2)},
        {"pairs": torch.zeros(2, 3)},
        {"pairs": torch.zeros(2, 2)},
        {"pairs": torch.zeros(2, 2), "ids": torch.tensor([1, 10**6])},
    ],
)
def test_a_foreign_table(directory, tensors):
    save_file(tensors, directory / "counted.safetensors")
    assert "counted.safetensors" in refused(directory)


def test_what_is_no_run(tmp_path):
    (tmp_path / "file").write_text("text")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(RunProblem, match=r"holds no run: there is no run\.json"):
            runs.open_run(path)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(RunProblem, match="cannot be read"):
        runs.open_run(tmp_path)


def test_no_snapshot_yet(tiny_plan, begin, tmp_path):
    run = begin(tmp_path / "run", tiny_plan(RUNGS["bigram"]))
    with pytest.raises(RunProblem, match="holds no snapshot of the weights yet"):
        run.model()


def test_what_is_no_snapshot_is_passed_over(directory):
    run = runs.open_run(directory)
    steps = run.snapshots()
    (directory / "snapshots" / "latest.safetensors").write_bytes(b"")
    (directory / "snapshots" / ".00000044.safetensors.7.tmp").write_bytes(b"")
    assert run.snapshots() == steps


def test_the_snapshot_nearest_to_a_step(directory):
    run = runs.open_run(directory)
    assert run.snapshots() == [0, 3, 6, 9, 10, 12]
    assert [run.model(step)[1] for step in (None, 0, 4, 5, 10, 1000)] == [12, 0, 3, 6, 10, 12]


def test_opening_a_model_leaves_the_random_numbers_alone(directory):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    runs.open_run(directory).model()
    assert torch.equal(torch.get_rng_state(), state)


# The text it learned from


@pytest.fixture
def own_text(on_a_file):
    """A run on a file of the user's own."""
    return on_a_file


def test_pairs_are_counted_when_they_are_looked_at(own_text):
    path, run = own_text
    ids = run.tokenizer().encode(corpora.load(str(path)).train_text)
    expected = baselines.frequent_pairs(ids, run.record.vocab_size)
    assert run.counted_pairs.ids.tolist() == expected.ids.tolist()
    assert np.array_equal(run.counted_pairs.table, expected.table)


def test_a_table_that_an_earlier_version_wrote_is_read(own_text, monkeypatch):
    """All V tokens without their ids. One that is too large to be read is counted anew."""
    _, run = own_text
    V = run.record.vocab_size
    earlier = torch.rand(V, V)
    save_file({"pairs": earlier}, run.directory / "counted.safetensors")
    pairs = runs.open_run(run.directory).counted_pairs
    assert np.array_equal(pairs.ids, np.arange(V))
    assert pairs.table == pytest.approx(earlier.numpy())
    monkeypatch.setattr(run_module, "MOST_COUNTED", 10)
    anew = runs.open_run(run.directory).counted_pairs
    assert np.array_equal(anew.table, run.counted_pairs.table)


def test_the_text_is_found_again(own_text, tmp_path):
    path, run = own_text
    assert run.corpus().text == path.read_text()
    path.rename(tmp_path / "moved.txt")
    with pytest.raises(RunProblem, match=r"own\.txt, is no longer at .* --corpus"):
        run.corpus()
    assert run.corpus(str(tmp_path / "moved.txt")).text


def test_another_text_is_refused(own_text):
    path, run = own_text
    path.write_text(path.read_text().replace("cat", "cow"))
    with pytest.raises(RunProblem, match=r"not the text .* own\.txt: give that text"):
        run.corpus("synthetic_plays")


def test_a_text_that_has_changed_is_told_with_its_path_and_since_when(own_text):
    path, run = own_text
    text = path.read_text()
    path.write_text(text.replace("cat", "cow"))
    os.utime(path, (2e9, 2e9))
    with pytest.raises(
        RunProblem, match=rf"{path} has changed since .* on 2033-05-18 at"
    ) as caught:
        run.corpus()
    assert f"({len(text):,} characters) back, or give a copy of it with --corpus" in str(
        caught.value
    )
    path.write_bytes(b"\xff\x00")
    with pytest.raises(
        RunProblem, match=r"own\.txt .* was trained on it: give a copy with --corpus"
    ):
        run.corpus()


def test_a_copy_of_a_built_in_text_is_not_needed(own_text, monkeypatch):
    """Tiny Shakespeare is recognised in a file; when that is deleted, the built-in text takes its place."""
    _, run = own_text
    built_in = corpora.load("synthetic_plays")
    gone = {"name": built_in.name, "sha256": built_in.sha256, "path": "/nowhere/copy.txt"}
    corpus = run.record.corpus.model_copy(update=gone)
    run.record = run.record.model_copy(update={"corpus": corpus})
    assert run.corpus().text == built_in.text

    def offline(name):
        raise CorpusProblem("It could not be downloaded: connect to the internet.")

    monkeypatch.setattr(corpora, "load", offline)
    with pytest.raises(RunProblem, match=r"connect to the internet\. .* give a copy with --corpus"):
        run.corpus()
