"""`lm runs`, `lm export` and `lm import-run`."""

import json
import shutil

import pytest

from lm.runs import label
from tests.lm.command_line import QUICK, lm, refusal


@pytest.fixture(scope="module")
def folder(finished, play_file, tmp_path_factory):
    """A bigram, a copy of it with a name, and a small single head."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(finished, folder / "a")
    shutil.copytree(finished, folder / "b")
    label.write(folder / "b", "[red]<b>mine</b>", "a note")
    quickly = [*QUICK, "--n-embd", "16", "--learning-rate", "0.000001"]
    lm("train", "single_head_attention", "--corpus", play_file, "--out", folder / "c", *quickly)
    return folder


def listed(*arguments):
    return json.loads(lm("runs", *arguments, "--json").stdout)


def test_the_table_has_a_row_for_each_run(folder):
    """A name with markup is shown as it is."""
    table = lm("runs", folder).stdout
    rows = [line for line in table.splitlines() if "a_play" in line]
    assert len(rows) == 3
    assert "[red]<b>mine</b>" in table
    assert "no setting" in table
    assert "embedding size 32→16" in table
    assert "finished" in rows[0]


def test_runs_are_sorted_and_filtered(folder):
    names = [run["directory"][-1] for run in listed(folder)]
    assert names == ["a", "b", "c"]  # by loss: the single head has hardly learned
    losses = [run["last_loss"] for run in listed(folder)]
    assert losses == sorted(losses)
    assert [r["model"] for r in listed(folder, "--model", "single_head_attention")] == [
        "single_head_attention"
    ]
    assert len(listed(folder, "--text", "A_PLAY")) == 3
    assert listed(folder, "--text", "other") == []
    assert "None of the 3 runs fits" in lm("runs", folder, "--text", "other").stdout
    sizes = [run["parameters"] for run in listed(folder, "--sort", "parameters")]
    assert sizes == sorted(sizes)


def test_what_differs_is_told_from_the_first_or_another(folder):
    first, same, other = listed(folder)
    assert first["differs"] == same["differs"] == []
    assert "model bigram→single head" in other["differs"]
    assert (same["name"], same["note"]) == ("[red]<b>mine</b>", "a note")
    other = listed(folder, "--against", folder / "c")[0]
    assert "model single head→bigram" in other["differs"]
    told = lm("runs", folder, "--against", folder / "c").stdout
    assert "against" in told
    assert told.count("nats per character") == 2


def test_a_run_and_an_empty_folder_and_none(folder, tmp_path):
    assert len(listed(folder / "a")) == 1
    assert lm("runs", tmp_path).stdout == "No runs.\n"
    assert listed(tmp_path) == []
    assert "There is no folder" in refusal("runs", tmp_path / "nowhere", code=3)
    assert "holds no run" in refusal("runs", folder, "--against", tmp_path, code=3)


def test_a_damaged_run_is_noted_beside_the_others(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "runs")
    (tmp_path / "runs" / "a" / "metrics.jsonl").write_text("{")
    (tmp_path / "runs" / "b" / "label.json").write_text("{")
    (tmp_path / "runs" / "c" / "run.json").write_text("{")
    result = lm("runs", tmp_path / "runs", "--json")
    assert len(json.loads(result.stdout)) == 1
    assert result.stderr.count("is damaged:") == 3


def test_the_default_is_this_folder_and_the_included_runs(monkeypatch, folder, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    shutil.copytree(folder, tmp_path / "checkpoints" / "local")
    monkeypatch.chdir(tmp_path)
    found = [run["directory"] for run in listed()]
    assert sum(place.startswith("checkpoints/local") for place in found) == 3
    assert len(found) > 3


def test_a_run_goes_into_a_file_and_back(folder, tmp_path):
    lm("export", folder / "b", "--out", tmp_path / "b.zip")
    lm("import-run", tmp_path / "b.zip", "--out", tmp_path / "again")
    (run,) = listed(tmp_path / "again")
    (before,) = listed(folder / "b")
    assert {**run, "directory": 0, "from": 0} == {**before, "directory": 0, "from": 0}
    sentence = refusal("import-run", tmp_path / "b.zip", "--out", tmp_path / "again", code=3)
    assert "already exists" in sentence
    (tmp_path / "no.zip").write_bytes(b"no")
    assert "no zip" in refusal("import-run", tmp_path / "no.zip", "--out", tmp_path / "x", code=3)
    assert "no run" in refusal("export", tmp_path, "--out", tmp_path / "x.zip", code=3)
