"""The command line on any console: every encoding, no reader, prompts from everywhere, and a sign of life."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lm import __main__ as cli
from lm import corpora, runs, tasks
from lm.commands.terminal import Notes, working
from lm.ladder import RUNGS
from lm.runs import preparation
from lm.tokenizers import TokenizerConfig
from tests.lm.command_line import ROOT, lm, refusal
from tests.lm.recorded import record_all

WIDE = "„Ω→日本♞ — she said.“\n"  # most of it is not in cp1252


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A text that cp1252 cannot write, and a run on it."""
    folder = tmp_path_factory.mktemp("foreign")
    path = folder / "→.txt"
    path.write_text(WIDE * 90, "utf-8")
    lm(*("train", "ngram", "--order", "3", "--corpus", path, "--out", folder / "run"))
    return path, folder / "run"


@pytest.mark.parametrize("command", ["sample", "text", "describe", "evaluate", "refuse"])
def test_a_console_that_has_not_all_characters(command, foreign):
    """In the encoding of many Windows consoles: nothing is an error, and nothing is lost."""
    path, run = foreign
    arguments = {
        "sample": ("sample", run, "--prompt", "Ω→", "--max-new-tokens", "40"),
        "text": ("corpora", path, "--text"),
        "describe": ("corpora", path),
        "evaluate": ("evaluate", run),
        "refuse": ("sample", run, "--prompt", "♞q"),
    }
    result = CliRunner(charset="cp1252").invoke(cli.main, [*map(str, arguments[command])])
    assert result.exit_code == (2 if command == "refuse" else 0), result.output
    if command in ("sample", "text"):
        assert "\\u2192" in result.stdout and "Ω" not in result.stdout
    if command == "refuse":
        assert "'q'" in result.stderr


def shell(line):
    """The output of a line of bash. `LM` stands for the command line, in a process of its own."""
    line = line.replace("LM", f"{sys.executable} -m lm")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
    )


def test_a_reader_that_has_read_enough(foreign):
    """With more to come than a pipe holds."""
    done = shell("LM corpora synthetic_plays --text | head -c 5; echo ${PIPESTATUS[0]}")
    assert done.stdout[5:].strip() == "0"
    assert "Error" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.parametrize("closed", [pytest.param(">&-", marks=pytest.mark.slow), ">&- 2>&- <&-"])
def test_closed_streams(closed, foreign):
    done = shell(f"LM sample {foreign[1]} --max-new-tokens 5 {closed}; echo $?")
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("train bigram --help", marks=pytest.mark.slow),
        "sample RUN --max-new-tokens 5",
    ],
)
def test_a_disk_without_room_for_the_output_is_one_sentence(command, foreign):
    """Output that is lost is not a success; it used to be a traceback."""
    done = shell(f"LM {command.replace('RUN', str(foreign[1]))} > /dev/full; echo $?")
    assert done.stdout == "1\n"
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_training_goes_on_when_there_is_no_room_for_its_notes(foreign, tmp_path):
    done = shell(
        f"LM train ngram --order 2 --corpus {foreign[0]} --out {tmp_path / 'run'} 2>/dev/full"
    )
    assert done.returncode == 0 and "validation loss" in done.stdout
    assert runs.open_run(tmp_path / "run").status()[0] == "finished"


def test_training_goes_on_when_nobody_reads_its_notes(foreign, tmp_path):
    path, run = foreign[0], tmp_path / "run"
    piped = f"LM train ngram --order 2 --corpus {path} --out {run} 2>&1 >/dev/null | head -c 1"
    done = shell(f"{piped}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout[1:].strip() == "0", done.stderr
    assert runs.open_run(run).status()[0] == "finished"


# Prompts


def sampled(run, *arguments, stdin=None, code=0):
    result = CliRunner().invoke(
        cli.main, ["sample", str(run), "--max-new-tokens", "4", *arguments], input=stdin
    )
    assert result.exit_code == code, result.output
    return result


def test_a_prompt_from_a_file_and_from_stdin(finished, tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_bytes(b"\xef\xbb\xbfMy lord,\r\nthe king")
    expected = sampled(finished, "--prompt", "My lord,\nthe king").stdout
    assert expected.startswith("My lord,\nthe king")
    assert sampled(finished, "--prompt-file", str(path)).stdout == expected
    assert sampled(finished, "--prompt", "-", stdin="My lord,\nthe king").stdout == expected


def test_a_prompt_that_cannot_be_had(finished, tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    sample = ("sample", finished)
    assert "There is no file" in refusal(*sample, "--prompt-file", tmp_path / "x", code=3)
    assert "not UTF-8" in refusal(*sample, "--prompt-file", tmp_path / "latin.txt", code=3)
    both = ("--prompt", "a", "--prompt-file", tmp_path / "latin.txt")
    assert "give --prompt or --prompt-file" in refusal(*sample, *both, code=2)
    assert "nothing to continue" in sampled(finished, "--prompt", "-", stdin="", code=2).stderr
    bad = sampled(finished, "--prompt", "-", stdin=b"caf\xe9", code=2)
    assert "not utf-8: use --prompt-file" in bad.stderr


def test_a_typed_backslash_n_is_explained(finished, foreign, tmp_path, tiny_plan):
    """Whether the model knows a backslash or not. A prompt from a file is meant as it stands."""
    sentence = refusal("sample", finished, "--prompt", r"the\nking", code=2)
    assert "'\\\\'" in sentence and "a backslash and the letter n" in sentence
    assert r"write --prompt $'…\n…' in bash" in sentence and "--prompt-file" in sentence
    text = corpora.from_text("a\\nb c\\td\n" * 200)
    prepared = preparation.prepare(text, TokenizerConfig(), tasks.TaskConfig())
    run = prepared.new_run(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=1))
    record_all(run, prepared.data)
    result = sampled(tmp_path / "run", "--prompt", r"a\nb")
    assert result.stdout.startswith(r"a\nb") and "a backslash and the letter n" in result.stderr
    (tmp_path / "prompt.txt").write_text(r"a\nb")
    quiet = sampled(tmp_path / "run", "--prompt-file", str(tmp_path / "prompt.txt"))
    assert quiet.stdout == result.stdout and quiet.stderr == ""


# A sign of life


def console(terminal):
    return Notes(file=io.StringIO(), force_terminal=terminal, width=80)


@pytest.mark.parametrize("terminal", [True, False])
def test_long_work_is_announced_and_short_work_is_not(terminal, monkeypatch):
    said = console(terminal)
    with working("Counting", said) as tell:
        tell(0.5)
    assert said.file.getvalue() == ""
    monkeypatch.setattr("lm.commands.terminal.SILENCE", 0.05)
    with working("Counting", said) as tell:
        tell(0.5)
        time.sleep(0.4)
    shown = said.file.getvalue()
    assert "Counting" in shown and ("50%" in shown) == terminal
    assert shown.count("Counting …") == (not terminal)


def test_work_that_fails_ends_its_bar(monkeypatch):
    monkeypatch.setattr("lm.commands.terminal.SILENCE", 0.01)
    said = console(True)
    for _ in range(2):  # a second bar can be shown
        with pytest.raises(KeyError), working("Counting", said):
            time.sleep(0.1)
            raise KeyError


def test_every_long_command_tells_its_share(text, finished, monkeypatch, tmp_path):
    """Loading, counting and evaluating: the bars that a text of 49 MB shows for seconds."""
    shown = []

    def recorded(title, console=None):
        return _Recorded(title, shown)

    for module in ("lm.__main__", "lm.commands.train"):
        monkeypatch.setattr(f"{module}.working", recorded)
    lm("corpora", text)
    lm("evaluate", finished)
    lm("train", "ngram", "--corpus", text, "--out", tmp_path / "run")
    titles = [title for title, _ in shown]
    assert titles == [
        *("Loading the text", "Counting n-grams"),
        *("Loading the text", "Loading the model", "Evaluating"),
        *("Loading the text", "Counting n-grams"),
    ]
    assert all(shares[-1:] == [1.0] for title, shares in shown if not title.startswith("Loading"))


class _Recorded:
    def __init__(self, title, shown):
        self.shares = []
        shown.append((title, self.shares))

    def __enter__(self):
        return self.shares.append

    def __exit__(self, *_):
        return False
