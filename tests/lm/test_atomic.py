"""Files that many write at once are whole, and what killed processes leave is removed."""

import os
import threading
import time

import pytest

from lm.atomic import ABANDONED, remove_leftovers, replaced
from lm.errors import RunProblem
from lm.runs import files


def test_many_threads_write_the_same_text(tmp_path):
    """Eight people paste the same text: each is kept whole, and none is told that a file is missing."""
    path, problems = tmp_path / "texts" / "same.txt", []
    texts = [f"text {n}\n" * 2000 for n in range(8)]
    start = threading.Barrier(len(texts))

    def write(text):
        start.wait()
        try:
            for _ in range(25):
                files.write_text(path, text)
                assert path.read_text() in texts
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert os.listdir(path.parent) == ["same.txt"]


def test_leftovers_are_removed_once_nobody_can_still_write_them(tmp_path):
    old, fresh = tmp_path / ".a.txt.7.tmp", tmp_path / ".b.txt.8.0123abcd.tmp"
    of_safetensors = tmp_path / ".tmpMPS1P4"
    of_safetensors.write_text("half")
    for path in (old, fresh):
        path.write_text("half")
    past = time.time() - ABANDONED - 60
    os.utime(old, (past, past))
    files.write_text(tmp_path / "c.txt", "text")
    assert sorted(os.listdir(tmp_path)) == [fresh.name, of_safetensors.name, "c.txt"]
    remove_leftovers(tmp_path, older_than=None)  # as the holder of a run's lock does
    assert os.listdir(tmp_path) == ["c.txt"]
    remove_leftovers(tmp_path / "nowhere")


def test_what_is_no_file_is_not_replaced(tmp_path):
    """An export --out /dev/null by root would take the device's place."""
    os.mkfifo(tmp_path / "pipe")
    sentence = "cannot be written to .*pipe is no file; choose another name"
    with (
        pytest.raises(RunProblem, match=sentence),
        files.explained(tmp_path),
        replaced(tmp_path / "pipe"),
    ):
        raise AssertionError("it is written")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    "said",
    ["3072 requested and 184 written", "Not enough free space to write 9 bytes after offset 2"],
)
def test_numpy_on_a_full_disk_is_the_same_sentence(said, tmp_path):
    """It writes GGUF files, and its errors have no number."""
    with pytest.raises(RunProblem, match="the disk is full"), files.explained(tmp_path):
        raise OSError(said)
