"""Another tokenizer needs no edit on the page: Train, its process, the feed and the chart follow."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from lm import runs, tokenizers
from tests.pair_tokenizer import PairTokenizer
from tests.playground.live_runs import ROOT


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The end of a run that a page with the toy tokenizer trained in a process of its own."""
    command = [sys.executable, "-m", "tests.playground.toy_page", tmp_path_factory.mktemp("toy")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_run_trains_to_its_end_with_two_character_tokens(told, monkeypatch):
    assert told["answer"]["status"] == "finished", told["answer"]["reason"]
    monkeypatch.setitem(tokenizers.KINDS, PairTokenizer.kind, PairTokenizer)
    run = runs.open_run(Path(told["directory"]))
    assert run.plan.tokenizer.tokenizer == "pairs"
    assert run.tokenizer().vocab_size > 300
    samples = [event["text"] for event in told["answer"]["events"] if event["type"] == "sample"]
    assert len(samples[-1]) > 200  # 160 tokens, most of two characters


def test_its_losses_stand_beside_those_of_characters(told):
    """The first is about ln V for two characters; the baselines are counted characters."""
    first = told["answer"]["train"]["loss"][0]
    record = json.loads((Path(told["directory"]) / "run.json").read_text())
    assert first == pytest.approx(math.log(record["vocab_size"]) / 2, rel=0.1)
    assert first < record["baselines"]["uniform"]
    names = [note["text"] for note in told["chart"]["layout"]["annotations"]]
    assert f"uniform {record['baselines']['uniform']:.2f}" in names
