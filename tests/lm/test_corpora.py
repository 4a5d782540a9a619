"""Corpora: the download and cache of Tiny Shakespeare, texts of one's own, and those that are refused."""

import hashlib
import http.client
import io
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lm import corpora
from lm.corpora import own_text, tiny_shakespeare
from lm.errors import CorpusProblem

OWN = "The kettle sang to the cat, and the cat sang back.\n" * 40
GENUINE = "A stand-in for the real text, which is not part of the project: ÄÖ.\n".encode() * 30


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """GENUINE is taken for Tiny Shakespeare; empty cache; no LM_CORPORA; any download fails."""
    monkeypatch.setattr(tiny_shakespeare, "SHA256", hashlib.sha256(GENUINE).hexdigest())
    monkeypatch.setattr(tiny_shakespeare, "BYTES", len(GENUINE.decode()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LM_CORPORA", raising=False)
    serve(monkeypatch, urllib.error.URLError("Name or service not known"))
    return tmp_path / "cache" / "language-models-from-scratch" / "tinyshakespeare.txt"


def serve(monkeypatch, answer):
    """Make urllib answer with these bytes, or raise this error. Returns the list of its calls."""
    calls = []

    def urlopen(url, timeout):
        calls.append((url, timeout))
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return calls


# Tiny Shakespeare


def test_download_is_checked_cached_and_not_repeated(stand_in, monkeypatch):
    calls = serve(monkeypatch, GENUINE)
    corpus = corpora.load("tiny_shakespeare")
    assert corpus.text == GENUINE.decode()
    assert (corpus.name, corpus.path, corpus.floor) == ("tiny_shakespeare", None, None)
    assert stand_in.read_bytes() == GENUINE
    assert os.listdir(stand_in.parent) == [stand_in.name]  # no temporary file is left
    corpora.load("tiny_shakespeare")
    assert [url for url, _ in calls] == [tiny_shakespeare.URL]
    assert calls[0][1] <= 30


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (urllib.error.URLError(OSError(-2, "Name or service not known")), r"\(Name or service"),
        (urllib.error.HTTPError("u", 404, "Not Found", http.client.HTTPMessage(), None), "404"),
        (TimeoutError("timed out"), "timed out"),
        (http.client.IncompleteRead(b"abc"), "IncompleteRead"),
        (b"<html>a portal that wants a password</html>", "43 bytes"),
        (b"", "0 bytes"),
        (GENUINE[:-1], "not the expected file"),
        (GENUINE + b"!", "not the expected file"),
    ],
)
def test_a_failed_download_is_one_sentence_and_the_plays_replace_it(
    stand_in, monkeypatch, answer, reason
):
    serve(monkeypatch, answer)
    with pytest.raises(CorpusProblem, match=reason) as caught:
        corpora.load("tiny_shakespeare")
    assert "LM_CORPORA" in str(caught.value) and "\n" not in str(caught.value)
    assert not stand_in.exists()

    corpus, notice = corpora.load_or_synthetic("tiny_shakespeare")
    assert corpus.name == "synthetic_plays"
    assert notice is not None and re.search(reason, notice) and "synthetic plays" in notice


def test_an_endless_answer_is_cut_off(stand_in, monkeypatch):
    class Endless(io.RawIOBase):
        pieces = 0

        def read(self, size=-1):
            self.pieces += 1
            assert self.pieces < 100, "the download has no end"
            return b"x" * size

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Endless())
    with pytest.raises(CorpusProblem, match="not the expected file"):
        corpora.load("tiny_shakespeare")


def test_a_slow_download_is_given_up(stand_in, monkeypatch):
    monkeypatch.setattr(tiny_shakespeare, "DOWNLOAD_TIMEOUT", -1.0)
    serve(monkeypatch, GENUINE)
    with pytest.raises(CorpusProblem, match="too slow"):
        corpora.load("tiny_shakespeare")


@pytest.mark.parametrize("damage", [b"", GENUINE[:100], GENUINE + b"x", b"\xff\xfe\x00"])
def test_a_damaged_cache_is_replaced(stand_in, monkeypatch, damage):
    stand_in.parent.mkdir(parents=True)
    stand_in.write_bytes(damage)
    with pytest.raises(CorpusProblem):  # no network: a damaged copy is not used
        corpora.load("tiny_shakespeare")
    serve(monkeypatch, GENUINE)
    assert corpora.load("tiny_shakespeare").text == GENUINE.decode()
    assert stand_in.read_bytes() == GENUINE


def test_a_cached_copy_needs_no_network(stand_in):
    stand_in.parent.mkdir(parents=True)
    stand_in.write_bytes(GENUINE)
    assert corpora.load_or_synthetic("tiny_shakespeare")[1] is None


def test_a_disk_that_cannot_be_written_does_not_stop_the_download(stand_in, monkeypatch):
    def full(*paths):
        raise OSError(28, "No space left on device")

    serve(monkeypatch, GENUINE)
    monkeypatch.setattr(os, "replace", full)
    assert corpora.load("tiny_shakespeare").text == GENUINE.decode()
    assert os.listdir(stand_in.parent) == []


@pytest.mark.parametrize("name", ["tinyshakespeare.txt", "input.txt", None])
def test_the_variable_names_a_file_or_its_folder(stand_in, monkeypatch, tmp_path, name):
    copy = tmp_path / (name or "renamed.txt")
    copy.write_bytes(GENUINE)
    monkeypatch.setenv("LM_CORPORA", str(tmp_path if name else copy))
    assert corpora.load("tiny_shakespeare").text == GENUINE.decode()
    assert not stand_in.exists()


@pytest.mark.parametrize("place", ["nowhere.txt", "empty", "other.txt"])
def test_a_wrong_variable_is_reported(stand_in, monkeypatch, tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.txt").write_text(OWN)
    calls = serve(monkeypatch, GENUINE)
    monkeypatch.setenv("LM_CORPORA", str(tmp_path / place))
    with pytest.raises(CorpusProblem, match="LM_CORPORA") as caught:
        corpora.load("tiny_shakespeare")
    assert place in str(caught.value)
    assert not calls


def test_an_exact_copy_is_recognised_by_its_contents(stand_in, tmp_path):
    copy = tmp_path / "homework.txt"
    copy.write_bytes(GENUINE.replace(b"\n", b"\r\n"))
    corpus = corpora.load(str(copy))
    assert (corpus.name, corpus.title, corpus.path) == (
        "tiny_shakespeare",
        "Tiny Shakespeare",
        str(copy),
    )
    assert corpora.from_bytes(GENUINE).name == "tiny_shakespeare"
    assert corpora.from_bytes(GENUINE + b"x").name == "your_text"


def test_the_real_text_where_there_is_one():
    if not os.environ.get("LM_CORPORA"):
        pytest.skip("LM_CORPORA does not name a copy of Tiny Shakespeare")
    corpus = corpora.load("tiny_shakespeare")
    assert corpus.sha256 == tiny_shakespeare.SHA256
    assert (len(corpus.text), len(set(corpus.text))) == (tiny_shakespeare.BYTES, 65)
    assert len(corpus.validation_text) == 111_540


# The user's own text


def test_own_file(tmp_path):
    file = tmp_path / "my songs.txt"
    file.write_bytes(b"\xef\xbb\xbf" + OWN.replace("\n", "\r\n").encode())
    corpus = corpora.load(str(file))
    assert corpus.text == OWN
    assert (corpus.name, corpus.title) == ("my songs", "my songs.txt")
    assert (corpus.path, corpus.floor) == (str(file), None)
    assert corpus.sha256 == hashlib.sha256(OWN.encode()).hexdigest()
    assert corpora.load_or_synthetic(str(file)) == (corpus, None)


def test_the_split_loses_nothing_and_holds_back_a_tenth():
    corpus = corpora.from_text(OWN + "!" * 7)
    assert corpus.train_text + corpus.validation_text == corpus.text
    assert len(corpus.train_text) == int(0.9 * len(corpus.text))


def test_a_relative_path_and_a_home_folder(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert corpora.load("a.txt").path == corpora.load("~/a.txt").path == str(tmp_path / "a.txt")


@pytest.mark.parametrize("name", corpora.names())
def test_a_file_with_the_name_of_a_built_in_is_not_taken_for_it(tmp_path, name):
    file = tmp_path / f"{name}.txt"
    file.write_text(OWN)
    assert corpora.load(str(file)).name not in corpora.names()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b" \n\t \r\n" * 1_000, "only white space"),
        (b"too short", "only 9 characters"),
        (OWN[: own_text.SHORTEST - 1].encode(), "only 1,199 characters"),
        (OWN[: own_text.SHORTEST - 1].encode() + b"\x1a", "only 1,199 characters"),
        (b"a" * 5_000, "repeats one character"),
        (OWN.encode("utf-16"), "not UTF-8"),
        (OWN.encode() + "café".encode("latin-1"), r"not UTF-8 text \(byte 2,04"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not UTF-8"),
        (OWN.encode("utf-16-le"), r"U\+0000 in line 1, column 2"),
        (OWN.encode() + b"\n\nab\0" + OWN.encode(), r"U\+0000 in line 43, column 3"),
        (b"\x01\x02ab\x7f\x10cd" * 900, r"U\+0001 in line 1, column 1 and many more"),
    ],
)
def test_an_unusable_text_is_refused_in_one_sentence(tmp_path, data, complaint):
    file = tmp_path / "text.txt"
    file.write_bytes(data)
    for load in (lambda: corpora.from_bytes(data), lambda: corpora.load(str(file))):
        with pytest.raises(CorpusProblem, match=complaint) as caught:
            load()
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
        assert ":" in str(caught.value), "it does not say what to do"


def test_text_that_is_just_long_enough_and_other_alphabets():
    assert len(corpora.from_text(OWN[: own_text.SHORTEST]).text) == own_text.SHORTEST
    greek = "Ἄνδρα μοι ἔννεπε, Μοῦσα, 🎭\tκαὶ τὰ λοιπά.\n" * 40
    assert corpora.from_bytes(greek.encode()).text == greek


@pytest.mark.parametrize("control", ["\x1a", "\x0b", "\x85", "\x1b", "\x07", "\x7f", "\x9f"])
def test_a_control_character_does_not_refuse_a_whole_text(tmp_path, control):
    """It is removed, and a notice says which it was and where it stood."""
    file = tmp_path / "text.txt"
    file.write_text(f"one\ntwo{control}\n{OWN}", "utf-8", newline="")
    for corpus in (corpora.load(str(file)), corpora.from_bytes(file.read_bytes(), "text")):
        assert corpus.text == f"one\ntwo\n{OWN}"
        assert corpus.notice.endswith(
            f"1 control character was removed (1 × U+{ord(control):04X}), the first in line 2, column 4."
        )
    _, notice = corpora.load_or_synthetic(str(file))
    assert notice == corpora.load(str(file)).notice


def test_a_notice_of_many_control_characters_stays_short():
    text = "The text of a \x1b[31mred\x1b[0m line.\x0b\n" * 300 + "".join(map(chr, range(1, 9)))
    corpus = corpora.from_text(text)
    assert corpus.text == "The text of a [31mred[0m line.\n" * 300
    assert "908 control characters were removed (1 × U+0001, 1 × U+0002, " in corpus.notice
    assert corpus.notice.endswith("U+0005, others), the first in line 1, column 15.")


def test_plain_text_has_no_notice():
    assert corpora.from_text(OWN + "\t\f\r\n\u2028\u00ad").notice is None


def test_half_a_character_is_refused():
    with pytest.raises(CorpusProblem, match=r"U\+D800"):
        corpora.from_text(OWN + "\ud800")


def test_too_large_texts_are_refused_before_they_are_read(tmp_path, monkeypatch):
    file = tmp_path / "huge.txt"
    with file.open("wb") as opened:
        opened.truncate(own_text.LARGEST + 1)  # a sparse file
    with pytest.raises(CorpusProblem, match="larger than 50 MB"):
        corpora.load(str(file))
    monkeypatch.setattr(own_text, "LARGEST", len(OWN) - 1)
    with pytest.raises(CorpusProblem, match="larger"):
        corpora.from_text(OWN)
    with pytest.raises(CorpusProblem, match="larger"):
        corpora.from_bytes(OWN.encode())


def test_folders_pipes_and_unreadable_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(CorpusProblem, match="is a folder"):
        corpora.load(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")  # opening it would block
    with pytest.raises(CorpusProblem, match="not an ordinary file"):
        corpora.load(str(tmp_path / "pipe"))
    (tmp_path / "cycle").symlink_to(tmp_path / "cycle")
    with pytest.raises(CorpusProblem):
        corpora.load(str(tmp_path / "cycle"))

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.txt").write_text(OWN)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CorpusProblem, match="Permission denied"):
        corpora.load(str(tmp_path / "secret.txt"))


@pytest.mark.parametrize("name", ["no_such_corpus", "/nowhere/at/all.txt", "x" * 5_000, "a\0b", ""])
def test_an_unknown_name_lists_the_known_ones(name):
    for load in (corpora.load, corpora.load_or_synthetic):
        with pytest.raises(CorpusProblem, match="synthetic_plays") as caught:
            load(name)
        assert len(str(caught.value)) < 400
