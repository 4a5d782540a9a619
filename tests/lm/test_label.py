"""The name and note of a run: plain text, in a file that the trainer never touches."""

import json

import pytest

from lm import runs
from lm.errors import SettingsProblem
from lm.runs import label, packing
from lm.runs.label import Label


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("deeper", ""),
        ("", "two\nlines\tand a tab"),
        ("<script>alert(1)</script> [red]", "<b>"),
        ("שלום · 深い · 👩‍🚀", "می‌خواهم"),
        ("x" * 80, "y" * 2000),
    ],
)
def test_a_label_comes_back_as_it_was(name, note, tmp_path):
    """Right-to-left scripts and joined emoji are text; markup stays the letters that it is."""
    assert label.write(tmp_path, f" {name} ", note) == Label(name, note)
    assert label.read(tmp_path) == (Label(name, note), None)


@pytest.mark.parametrize(
    ("name", "note", "named"),
    [
        ("x" * 81, "", "at most 80 characters, not 81"),
        ("x" * 10_000, "", "at most 80"),
        ("", "x" * 2001, "at most 2,000"),
        ("a\nb", "", "U+000A"),
        ("a\x1b[31m", "", "U+001B"),
        ("safe\u202egpj", "", "U+202E"),
        ("\u2066a", "", "U+2066"),
        ("a\u200fb", "", "U+200F"),
        ("\ud800", "", "U+D800"),
        ("", "a\u202eb", "U+202E"),
        ("", "a\x00b", "U+0000"),
        ("a\u2028b", "", "U+2028"),
    ],
)
def test_what_would_mislead_a_reader_is_refused(name, note, named, tmp_path):
    with pytest.raises(SettingsProblem) as problem:
        label.write(tmp_path, name, note)
    assert named in str(problem.value)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_label_is_removed(tmp_path):
    label.write(tmp_path, "deeper")
    label.write(tmp_path, "  ")
    assert list(tmp_path.iterdir()) == []
    assert label.read(tmp_path) == (Label(), None)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"{",
        b"\xff\x00",
        b"[]",
        b'{"name": 3}',
        json.dumps({"name": "x" * 81}).encode(),
        json.dumps({"name": "a\u202eb"}).encode(),
        b'{"name": "renamed by hand", "note": "", "checksum": "00000000"}',
        json.dumps({"name": "x", "note": "y" * 100_000}).encode(),
    ],
)
def test_a_damaged_label_is_ignored_with_a_notice(contents, tmp_path):
    (tmp_path / "label.json").write_bytes(contents)
    found, notice = label.read(tmp_path)
    assert found == Label()
    assert "label.json is ignored" in notice


def test_a_packed_run_keeps_its_label(on_a_file, tmp_path):
    _, run = on_a_file
    label.write(run.directory, "the cat", "sat")
    packing.pack(runs.open_run(run.directory), tmp_path / "packed", 1)
    assert label.read(tmp_path / "packed") == (Label("the cat", "sat"), None)
