"""The table of next characters: of a large alphabet, its most frequent characters, in bounded memory."""

import tracemalloc

import numpy as np
import pytest

from lm import corpora, runs
from lm.baselines import MOST_IN_TABLE
from lm.ladder import RUNGS
from lm.runs import recording
from lm.runs.preparation import prepare
from lm.tasks import TaskConfig
from lm.tokenizers import TokenizerConfig
from lm.training.loop import train
from playground.looking import inside
from playground.looking.snapshots import Snapshots

ALPHABET = 3000  # a table of all pairs takes 72 MB


@pytest.fixture(scope="module")
def chinese(tmp_path_factory) -> runs.Run:
    """A run of the bigram on a text of many different characters, the later ones rarer."""
    folder = tmp_path_factory.mktemp("chinese")
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, ALPHABET + 1)
    ids = [
        *random.permutation(ALPHABET),
        *random.choice(ALPHABET, 40_000, p=weights / weights.sum()),
    ]
    (folder / "text.txt").write_text("".join(chr(0x4E00 + i) for i in ids), "utf-8")
    plan = RUNGS["bigram"].plan(steps=1, evaluate_every=1, batch_size=1, n_embd=4)
    tracemalloc.start()
    text = prepare(corpora.load(str(folder / "text.txt")), TokenizerConfig(), TaskConfig())
    run = text.new_run(folder / "run", plan)
    assert tracemalloc.get_traced_memory()[1] < 30e6  # bytes
    tracemalloc.stop()
    for _ in recording.record(run, train(run.plan, text.data)):
        pass
    return run


def test_a_run_on_many_characters_is_small(chinese):
    size = sum(path.stat().st_size for path in chinese.directory.rglob("*") if path.is_file())
    assert size < 3e6  # bytes, most of them in snapshots; the table alone took 36 MB


def test_the_most_frequent_characters_are_shown(chinese):
    tracemalloc.start()
    run = runs.open_run(chinese.directory)
    answer = inside.answer(Snapshots(), run, inside.Question(None, "table", ""))
    assert tracemalloc.get_traced_memory()[1] < 30e6  # bytes
    tracemalloc.stop()
    assert answer["kind"] == "table"
    first, second = answer["figure"]["data"]
    for trace in (first, second):
        assert len(trace["x"]) == len(trace["y"]) == MOST_IN_TABLE
        assert trace["x"][0] == "\u4e00" and trace["x"] == sorted(trace["x"])
    train_text = chinese.corpus().train_text
    least = min(train_text.count(character) for character in first["x"])
    assert least >= train_text.count(chr(0x4E00 + 2 * MOST_IN_TABLE))
