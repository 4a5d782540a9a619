"""The command line refuses with one line, and its exit codes mean something."""

import pytest

from lm import runs
from lm.runs import packing
from tests.lm.command_line import lm, refusal

# Refusals: 2, a wrong flag or setting


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--batch-size", "0"], "Batch size must be a whole number from 1 to 512"),
        (["--learning-rate", "nan"], "Learning rate"),
        (["--n-embd", "30"], "4 attention heads cannot share an embedding of 30"),
        (["--context-length", "1024", "--n-embd", "2000"], "Embedding size"),
        (["--device", "abacus"], "no device 'abacus'; it has"),
    ],
)
def test_a_wrong_setting(flags, named, text, tmp_path):
    arguments = ("train", "decoder_transformer", "--corpus", text, "--out", tmp_path / "run")
    assert named in refusal(*arguments, *flags, code=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "no_such_rung", "--out", "x"],
        ["train", "bigram"],
        ["train", "bigram", "--out", "x", "--colour", "red"],
        ["train", "bigram", "--out", "x", "--steps", "many"],
        ["train", "bigram", "--out", "x", "--decay", "step"],
        ["fly"],
        ["sample"],
    ],
)
def test_a_wrong_flag(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Error" in lm(*arguments, code=2).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--temperature", "-1"], "Temperature"),
        (["--top-p", "0"], "Top-p"),
        (["--max-new-tokens", "0"], "from 1 to 100,000"),
        (["--prompt", ""], "nothing to continue"),
        (["--prompt", "naïve ☃"], "'ï'"),
    ],
)
def test_sampling_refuses(flags, named, finished):
    assert named in refusal("sample", finished, *flags, code=2)


# 3, a text or run that cannot be used


@pytest.mark.parametrize("contents", [None, b"", b"\x00\x01\xff" * 900, b"short"])
@pytest.mark.parametrize("command", ["train", "corpora"])
def test_an_unusable_text(contents, command, tmp_path):
    path = tmp_path / "own.txt"
    if contents is not None:
        path.write_bytes(contents)
    if command == "train":
        arguments = ("train", "bigram", "--corpus", path, "--out", tmp_path / "run")
    else:
        arguments = ("corpora", path)
    assert "own.txt" in refusal(*arguments, code=3)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["train", "corpora"])
def test_more_characters_than_a_model_can_hold(command, text, tmp_path, monkeypatch):
    monkeypatch.setattr("lm.tokenizers.characters.MOST_CHARACTERS", 20)
    arguments = ("corpora", text)
    if command == "train":
        arguments = ("train", "bigram", "--corpus", text, "--out", tmp_path / "run")
    assert "different characters, and a model takes up to 20" in refusal(*arguments, code=3)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["evaluate", "sample", "pack", "resume"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "weights"])
def test_an_unusable_run(command, damage, finished, text, tmp_path):
    out = tmp_path / "run"
    if damage != "missing":
        packing.pack(runs.open_run(finished), out, 2)
        damaged = "run.json" if damage == "garbage" else "snapshots/00000012.safetensors"
        (out / damaged).write_bytes(b"garbage")
    arguments = {
        "evaluate": ("evaluate", out, "--corpus", text),
        "sample": ("sample", out),
        "pack": ("pack", out, "--out", tmp_path / "packed"),
        "resume": ("train", "bigram", "--out", out, "--corpus", text, "--resume"),
    }
    refusal(*arguments[command], code=3)
    assert not (tmp_path / "packed").exists()


def test_a_folder_that_holds_a_run(finished, text):
    before = (finished / "metrics.jsonl").read_bytes()
    sentence = refusal("train", "bigram", "--corpus", text, "--out", finished, code=3)
    assert "--resume" in sentence
    assert (finished / "metrics.jsonl").read_bytes() == before


def test_a_resumed_run_keeps_its_settings(finished):
    again = ("train", "bigram", "--out", finished, "--resume")
    assert "begun with --n-embd 32, not 64" in refusal(*again, "--n-embd", "64", code=3)
    lm(*again, "--n-embd", "32")
    other = ("train", "single_head_attention", "--out", finished, "--resume")
    assert "holds a bigram" in refusal(*other, code=3)


def test_evaluating_on_another_text(finished):
    other = ("evaluate", finished, "--corpus", "synthetic_plays")
    assert "not the text" in refusal(*other, code=3)
