"""Token files: the same training as on the text itself, small pieces, and one sentence for each fault."""

import os
import signal

import numpy as np
import pytest

from lm import corpora
from lm.corpora import token_file
from lm.errors import CorpusProblem
from lm.ladder import RUNGS
from lm.runs import open_run
from lm.tasks import ContinueText
from lm.tasks.continue_text import TextData
from lm.tokenizers import CharacterTokenizer, TokenizerConfig, characters
from tests.lm.command_line import lm, refusal

BRIEF = ["--steps", "4", "--evaluate-every", "2", "--context-length", "8", "--recipe", "classic"]
BPE = TokenizerConfig(tokenizer="bpe", vocab_size=300)


@pytest.fixture
def text(tmp_path, play):
    path = tmp_path / "play.txt"
    path.write_text(play.text)
    return path


def made(text, config=None, name="play.tokens"):
    out = text.parent / name
    token_file.write(text, out, config or TokenizerConfig())
    return token_file.read(out)


def test_training_reads_from_the_file_what_it_reads_from_the_text(text, tmp_path):
    """A window that begins a token later, another split, or ids cut to sixteen bits would be another loss."""
    lm("corpora", text, "--tokens", tmp_path / "play.tokens")
    for corpus in ("play.txt", "play.tokens"):
        lm("train", "bigram", "--out", tmp_path / corpus[5:], "--corpus", tmp_path / corpus, *BRIEF)
    of_text, of_tokens = (open_run(tmp_path / name) for name in ("txt", "tokens"))
    assert [line.get("loss") for line in of_tokens.metrics()] == [
        line.get("loss") for line in of_text.metrics()
    ]
    assert of_tokens.record.train_tokens == of_text.record.train_tokens
    assert of_tokens.record.corpus.characters == of_text.record.corpus.characters
    lm("train", "bigram", "--out", tmp_path / "tokens", "--resume", "--steps", "6")
    lm("evaluate", tmp_path / "tokens")


@pytest.mark.parametrize("config", [TokenizerConfig(), BPE], ids=["characters", "bpe"])
def test_pieces_of_a_text_join_to_the_text(text, config, monkeypatch):
    """Pieces end where a line does, so that \\r\\n and words stay whole; also in a text without lines."""
    monkeypatch.setattr(token_file, "PIECE", 701)
    whole = text.read_text()
    text.write_bytes(whole.replace("\n", "\r\n").encode("utf-8-sig"))
    file = made(text, config)
    assert file.tokenizer.decode(file.ids) == whole
    assert file.header["characters"] == len(whole)
    spelled = file.tokenizer.count_characters(file.train.astype(np.int64))
    assert file.header["train_characters"] == spelled
    text.write_text(whole.replace("\n", " "))
    monkeypatch.setattr(token_file, "LINE", 11)
    file = made(text, config)
    assert file.tokenizer.decode(file.ids) == whole.replace("\n", " ")


def test_many_different_tokens_are_written_in_four_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(characters, "MOST_CHARACTERS", 100_000)
    letters = "".join(map(chr, range(0x20000, 0x20000 + 70_000)))
    (tmp_path / "many.txt").write_text(letters)
    file = made(tmp_path / "many.txt")
    assert file.ids.dtype == np.uint32
    assert file.tokenizer.decode(file.ids[-5:]) == letters[-5:]


def test_an_excerpt_has_both_parts(text, play):
    corpus = corpora.load(str(made(text).path))
    assert play.train_text.startswith(corpus.train_text[:-1])
    assert corpus.validation_text[1:30] in play.validation_text[:40]
    assert len(corpus.text) > 0.9 * len(play.text)


def test_data_is_sent_to_another_process_by_the_name_of_its_file(text):
    data = ContinueText.load(
        corpora.load(str(made(text).path)), CharacterTokenizer.from_text(text.read_text())
    )
    remake, arguments = data.__reduce__()
    assert sum(len(str(one)) for one in arguments) < 1_000
    assert isinstance(remake(*arguments), TextData)
    assert remake(*arguments).train.equal(data.train)


def test_each_fault_is_one_sentence(text, tmp_path):
    path = made(text).path
    whole = path.read_bytes()

    def refused(*more, code=3):
        out = ["--out", tmp_path / "run", "--corpus", path]
        return refusal("train", "bigram", *out, *BRIEF, *more, code=code)

    path.write_bytes(whole[:-100])
    assert "has been cut: it holds 19,950 of its 20,000 tokens; make it again" in refused()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "damaged: its tokens have changed; make it again" in refused()
    path.write_bytes(whole[:40] + b"?" + whole[41:])
    assert "damaged: it has no header; make it again" in refused()
    path.write_bytes(whole)
    told = refused("--tokenizer", "bpe")
    assert "holds tokens of characters" in told and "leave --tokenizer" in told
    assert "counted in memory" in refusal(
        "train", "ngram", "--out", tmp_path / "run", "--corpus", path, code=2
    )
    with pytest.raises(CorpusProblem, match="another tokenizer"):
        ContinueText.load(corpora.load(str(path)), CharacterTokenizer.from_text("other"))
    assert "exists and is no token file" in refusal("corpora", text, "--tokens", text, code=3)
    assert "is a token file already" in refusal("corpora", path, "--tokens", path, code=3)
    assert "There is no file" in refusal("corpora", "nowhere", "--tokens", path, code=3)
    text.write_bytes(b"\xff" * 5_000)
    assert "is not UTF-8 text" in refusal("corpora", text, "--tokens", path, code=3)
    assert path.read_bytes() == whole
    text.write_text("short")
    assert "has only 5 tokens" in refusal("corpora", text, "--tokens", path, code=3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_that_was_asked_for_leaves_no_half_file(text, number, monkeypatch, capfd):
    """Only Ctrl-C removed it: SIGTERM left a hidden file, of a large text gigabytes."""
    path = made(text).path
    whole = path.read_bytes()
    monkeypatch.setattr(token_file, "_of_json", lambda header: os.kill(os.getpid(), number))
    lm("corpora", text, "--tokens", path, code=128 + number)
    assert capfd.readouterr().err == "Interrupted.\n"
    assert path.read_bytes() == whole
    assert sorted(text.parent.iterdir()) == sorted([text, path])


def test_leftovers_of_a_process_that_was_killed_are_removed(text):
    old, new, other = (
        text.parent / f".{name}.tmp" for name in ("play.tokens.1", "play.tokens.2", "x")
    )
    for one in (old, new, other):
        one.touch()
    for one in (old, other):
        os.utime(one, (0, 0))
    made(text)
    assert [one.exists() for one in (old, new, other)] == [False, True, True]


def test_a_model_of_the_file_s_tokens_is_planned_without_a_flag(text, tmp_path):
    path = made(text, BPE).path
    lm("train", "bigram", "--out", tmp_path / "run", "--corpus", path, *BRIEF)
    assert open_run(tmp_path / "run").plan.tokenizer == BPE
    assert RUNGS["bigram"].plan("classic").tokenizer != BPE
