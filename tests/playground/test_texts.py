"""The texts a visitor can train on: kept, checked, and replaced by the plays when there is no network."""

import errno
import threading
from pathlib import Path

import numpy as np
import pytest

from lm import corpora
from lm.corpora import tiny_shakespeare
from lm.errors import CorpusProblem, Problem
from lm.tasks import ContinueText
from playground import texts as texts_module
from playground.texts import Texts


@pytest.fixture
def texts(tmp_path) -> Texts:
    return Texts(tmp_path / "runs", {})


@pytest.fixture
def no_shakespeare(monkeypatch, tmp_path):
    """No copy of Tiny Shakespeare anywhere, and no network; counts the times it was asked for."""
    asked = []

    def download() -> bytes:
        asked.append(1)
        raise CorpusProblem("Tiny Shakespeare could not be downloaded (no network): do something.")

    monkeypatch.delenv("LM_CORPORA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(tiny_shakespeare, "download", download)
    return asked


# A visitor's own text


def test_an_own_text_is_kept_beside_the_runs_and_found_again(texts, play, tmp_path):
    key = texts.add(play.encode())
    (kept,) = (tmp_path / "runs" / "texts").iterdir()
    assert kept.read_text("utf-8") == play
    again = Texts(tmp_path / "runs", {}).get(key)  # after a restart of the server
    assert again.corpus.text == play
    assert again.corpus.path == str(kept)  # so that its run can be resumed
    assert corpora.load(again.corpus.path).sha256 == again.corpus.sha256


def test_the_same_text_has_one_key_and_one_file(texts, play, tmp_path):
    keys = {
        texts.add(data.encode())
        for data in (play, play, play.replace("\n", "\r\n"), "\ufeff" + play)
    }
    assert len(keys) == 1
    assert len(list((tmp_path / "runs" / "texts").iterdir())) == 1
    assert texts.add((play + "!").encode()) not in keys


def test_a_prepared_text_fits_together(texts, play):
    text = texts.get(texts.add(play.encode()))
    V = text.tokenizer.vocab_size
    assert text.tokenizer.decode(text.data.train) == text.corpus.train_text
    assert text.tokenizer.decode(text.data.validation) == text.corpus.validation_text
    assert text.counted_pairs.shape == (V, V)
    assert np.allclose(text.counted_pairs.sum(axis=1), 1)
    assert text.baselines["uniform"] == pytest.approx(np.log(V))
    assert text.baselines["bigram"] < text.baselines["unigram"] < text.baselines["uniform"]


def test_many_different_characters_need_wider_ids(texts):
    many = "".join(chr(n) for n in range(0x4E00, 0x4E00 + 300)) * 10
    text = texts.get(texts.add(many.encode()))
    assert text.tokenizer.vocab_size == 300
    assert text.tokenizer.decode(text.data.train) == text.corpus.train_text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \n\n  " * 500,
        b"too short",
        b"a" * 5000,
        b"\x89PNG\r\n\x1a\n\x00\x00" * 500,
        b"\xff\xfe" + "in the wrong encoding ".encode("utf-16-le") * 100,
        b"caf\xe9 " * 500,
        b"text with a \x00 in it, " * 100,
    ],
    ids=["empty", "blank", "short", "one letter", "image", "utf-16", "latin-1", "zero byte"],
)
def test_what_cannot_be_learned_from_is_one_sentence_and_leaves_nothing(texts, data, tmp_path):
    with pytest.raises(CorpusProblem) as caught:
        texts.add(data)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, play):
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(Problem, match="cannot be written"):
        Texts(tmp_path / "runs", {}).add(play.encode())


@pytest.mark.parametrize(
    ("number", "what"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")]
)
def test_a_disk_that_takes_nothing_is_one_sentence(texts, play, monkeypatch, number, what):
    def refuse(*_, **__):
        raise OSError(number, "refused")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(Problem, match=what):
        texts.add(play.encode())
    monkeypatch.undo()
    assert texts.get(texts.add(play.encode())).corpus.text == play  # once there is room again


# Keys that come from a browser


@pytest.mark.parametrize(
    "key",
    [
        "",
        "None",
        "own",
        "own:",
        "own:gone",
        "own:../../etc/passwd",
        "own:..",
        "own:a/b",
        "own:" + "a" * 5000,
        "own:\x00",
        "local:x",
        "shipped:bigram",
        "/etc/passwd",
        "../secret",
        "tiny_shakespeare.txt",
        "[1, 2]",
        "nan",
        "a" * 5000,
        "\ud800",
        "own:\ud800",
    ],
)
def test_a_foreign_key_is_one_sentence_and_opens_no_file(texts, key, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "secret.txt").write_text("not for visitors " * 100)
    with pytest.raises(CorpusProblem) as caught:
        texts.get(key)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    str(caught.value).encode("utf-8")  # it is sent as JSON
    assert not texts._texts


def test_a_text_that_was_deleted_asks_for_it_again(texts, play, tmp_path):
    key = texts.add(play.encode())
    (kept,) = (tmp_path / "runs" / "texts").iterdir()
    kept.unlink()
    with pytest.raises(CorpusProblem, match="again"):
        texts.get(key)
    assert texts.get_or_synthetic(key)[0] == "synthetic_plays"
    assert texts.add(play.encode()) == key
    assert texts.get_or_synthetic(key)[::2] == (key, None)


def test_a_kept_text_that_was_damaged_is_one_sentence(texts, play, tmp_path):
    key = texts.add(play.encode())
    (kept,) = (tmp_path / "runs" / "texts").iterdir()
    kept.write_bytes(b"\xff\x00")
    with pytest.raises(CorpusProblem):
        texts.get(key)


# Without Tiny Shakespeare


def test_the_plays_stand_in_with_a_notice(texts, no_shakespeare):
    key, text, notice = texts.get_or_synthetic("tiny_shakespeare")
    assert key == "synthetic_plays"
    assert text.corpus.floor is not None
    assert "could not be downloaded" in notice and "synthetic plays" in notice


def test_a_network_that_fails_is_not_asked_at_every_visit(texts, no_shakespeare):
    for _ in range(5):
        assert texts.get_or_synthetic("tiny_shakespeare")[0] == "synthetic_plays"
        with pytest.raises(CorpusProblem, match="could not be downloaded"):
            texts.get("tiny_shakespeare")
    assert len(no_shakespeare) == 1


def test_a_network_that_comes_back_is_found_in_time(texts, no_shakespeare, monkeypatch, play):
    texts.get_or_synthetic("tiny_shakespeare")
    monkeypatch.setattr(texts_module, "RETRY", 0.0)
    monkeypatch.setattr(tiny_shakespeare, "download", lambda: play.encode())
    assert texts.get_or_synthetic("tiny_shakespeare")[::2] == ("tiny_shakespeare", None)


# What is kept in memory


def test_a_text_is_prepared_once_however_many_ask(texts, play, monkeypatch):
    prepared = []
    prepare = Texts._prepare
    monkeypatch.setattr(
        Texts, "_prepare", lambda self, *given: prepared.append(1) or prepare(self, *given)
    )
    key, got = texts.add(play.encode()), []
    visitors = [threading.Thread(target=lambda: got.append(texts.get(key))) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(prepared) == 1 and len({id(text) for text in got}) == 1


def test_only_a_few_texts_stay_in_memory_and_all_can_be_had(texts, play):
    keys = [texts.add((play[:2000] + "!" * n).encode()) for n in range(texts_module.KEEP + 3)]
    for key in keys:
        texts.get(key)
    assert len(texts._texts) == texts_module.KEEP
    assert texts.get(keys[0]).corpus.text == play[:2000]


def test_what_a_shipped_run_counted_is_not_counted_again(tmp_path, play, monkeypatch):
    known = {corpora.from_text(play).sha256: {"uniform": 1.0, "bigram": 0.5}}
    texts = Texts(Path(tmp_path), known)
    monkeypatch.setattr(ContinueText, "baselines", None)
    assert texts.get(texts.add(play.encode())).baselines == {"uniform": 1.0, "bigram": 0.5}
