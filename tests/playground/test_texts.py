"""The texts a visitor can train on: kept, checked, and replaced by the plays when there is no network."""

import contextlib
import errno
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lm import corpora
from lm.corpora import tiny_shakespeare
from lm.errors import CorpusProblem, Problem
from lm.tasks import ContinueText
from lm.tokenizers import TokenizerConfig
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


def test_eight_people_add_the_same_text_at_once(play, tmp_path):
    """Each through an object of its own, as several servers would: no file goes away under another."""
    failed = []

    def add(texts):
        try:
            for _ in range(20):
                key = texts.add(play.encode())
                (texts.folder / f"{key[4:]}.txt").unlink(missing_ok=True)
        except Exception as error:
            failed.append(error)

    people = [threading.Thread(target=add, args=(Texts(tmp_path, {}),)) for _ in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert not failed
    key = Texts(tmp_path, {}).add(play.encode())
    assert [path.name for path in (tmp_path / "texts").iterdir()] == [f"{key[4:]}.txt"]


def test_what_was_removed_from_a_text_is_told_when_it_is_added(texts, play):
    told = []
    key = texts.add(play.replace(",", "\x1b,", 1).encode(), told.append)
    assert texts.get(key).corpus.text == play
    (sentence,) = told
    assert "1 control character was removed (1 × U+001B), the first in line" in sentence
    texts.add(play.encode(), told.append)
    assert len(told) == 1


# How much is kept


@pytest.fixture
def small(tmp_path):
    """Room for three texts of 2,000 bytes."""
    return Texts(tmp_path / "runs", {}, most_bytes=6500)


def grow_old(texts):
    """Every file becomes an hour older."""
    for path in texts.folder.iterdir():
        changed = path.stat().st_mtime - 3600
        os.utime(path, (changed, changed))


def kept(texts):
    return {f"own:{path.stem}" for path in texts.folder.iterdir()}


def a_text(number):
    return (f"{number} little letters, " * 200)[:2000].encode()


def test_the_texts_that_were_unused_the_longest_make_room(small):
    keys = []
    for number in range(3):
        keys.append(small.add(a_text(number)))
        grow_old(small)
    assert kept(small) == set(keys)
    small._load(keys[0])  # it is used, so the second is the oldest
    keys.append(small.add(a_text(3)))
    assert kept(small) == {keys[0], keys[2], keys[3]}
    with pytest.raises(CorpusProblem, match="again"):
        small.get(keys[1])


def test_a_text_that_a_run_learned_from_or_that_is_in_memory_stays(small, tmp_path):
    in_memory, learned = (small.add(a_text(number)) for number in range(2))
    small.get(in_memory)
    (tmp_path / "runs" / "bigram-1").mkdir()
    path = small.folder / f"{learned[4:]}.txt"
    record = {"corpus": {"path": str(path)}}
    (tmp_path / "runs" / "bigram-1" / "run.json").write_text(json.dumps(record))
    third = small.add(a_text(2))
    grow_old(small)
    fourth = small.add(a_text(3))
    assert kept(small) == {in_memory, learned, fourth} and third != fourth
    with pytest.raises(
        CorpusProblem, match=r"keeps 0 MB .* choose a text of at most .* MB, or try"
    ):
        small.add(a_text(4) * 2)
    assert {in_memory, learned} <= kept(small)


def test_a_page_for_oneself_keeps_all_texts(texts):
    keys = {texts.add(a_text(number)) for number in range(5)}
    assert kept(texts) == keys


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


# Nobody waits for another


def test_a_download_holds_up_nobody_who_wants_another_text(texts, play, monkeypatch, tmp_path):
    """It waits for a server that does not answer. Those who want that text wait no longer than `PATIENCE`."""
    answer = threading.Event()

    def download() -> bytes:
        answer.wait(60)
        return play.encode()

    monkeypatch.delenv("LM_CORPORA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(tiny_shakespeare, "download", download)
    monkeypatch.setattr(texts_module, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(CorpusProblem, match="still being loaded: choose it again"):
        texts.get("tiny_shakespeare")
    for _ in range(20):  # who comes later does not wait again
        with pytest.raises(CorpusProblem, match="still being loaded"):
            texts.get("tiny_shakespeare")
    assert time.monotonic() - began < 10
    monkeypatch.setattr(texts_module, "PATIENCE", 60.0)
    assert texts.get(texts.add(play.encode())).corpus.text == play
    key, _, notice = texts.get_or_synthetic("tiny_shakespeare")
    assert key == "synthetic_plays" and "still being loaded" in notice
    answer.set()
    for _ in range(600):
        with contextlib.suppress(CorpusProblem):
            assert texts.get("tiny_shakespeare").corpus.text == play
            break
        time.sleep(0.1)


def test_texts_are_counted_outside_the_lock(texts, play, monkeypatch):
    """Another visitor's text is had from memory while one is counted."""
    counting, counted = threading.Event(), threading.Event()
    ready = texts.add(play.encode())
    texts.get(ready)
    prepare = texts_module.prepare

    def slow(*given):
        counting.set()
        counted.wait(60)
        return prepare(*given)

    monkeypatch.setattr(texts_module, "prepare", slow)
    waiting = threading.Thread(target=texts.get, args=(texts.add(play[:2000].encode()),))
    waiting.start()
    assert counting.wait(60)
    assert texts.get(ready).corpus.text == play
    texts.add(play[:3000].encode())
    assert waiting.is_alive()
    counted.set()
    waiting.join()


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


def test_one_visitor_cannot_have_thousands_of_vocabularies_learned(texts, play, monkeypatch):
    """Each takes seconds of a core. Who asks for a text that is there is answered."""
    key, free, refused = texts.add(play.encode()), threading.Event(), []
    ready = texts.get(key)
    monkeypatch.setattr(texts_module, "PATIENCE", 0.0)
    monkeypatch.setattr(texts_module, "prepare", lambda *_: free.wait(30) and ready)
    for size in range(300, 330):
        with pytest.raises(CorpusProblem) as caught:
            texts.get(key, TokenizerConfig.make(tokenizer="bpe", vocab_size=size))
        refused.append("still being cut" in str(caught.value))
    assert sum(refused) == texts_module.MOST_WAITING and not any(refused[16:])
    assert texts.get(key) is ready
    free.set()
