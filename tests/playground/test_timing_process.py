"""The process in which plans are timed (`playground/training/timing_worker.py`), beside a real server."""

import math
import os
import signal
import subprocess
import sys
import time

from tests.playground.live_runs import ROOT, is_running

SERVER = """
from dataclasses import replace
from lm import corpora
from lm.ladder import RUNGS
from lm.tokenizers import CharacterTokenizer
from playground.training import processes
from playground.training.timing_worker import work

def time(plan, text):
    process, pipe = processes.start(work, 1, "cpu", plan, replace(corpus, text=text), tokenizer)
    print(process.pid, flush=True)
    print(pipe.recv().step, flush=True)

if __name__ == "__main__":
    corpus = corpora.from_text(corpora.load("synthetic_plays").text[:2000])
    tokenizer = CharacterTokenizer.from_text(corpus.text)
    decoder = RUNGS["decoder_transformer"]
    time(RUNGS["bigram"].plan(), corpus.text)
    time(decoder.plan(context_length=1024), corpus.text[:100])
    time(decoder.plan(n_embd=512, n_head=8, n_layer=12, batch_size=256), corpus.text)
"""


def test_the_process_answers_for_every_plan_and_ends_with_the_server(tmp_path, wait):
    """Nothing is printed: a traceback in the terminal would frighten whoever moved a slider.

    The second plan's context is longer than the text; a step of the third takes minutes, in which the server is
    killed.
    """
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    server = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, bigram, _, misfit, pid = (float(server.stdout.readline()) for _ in range(5))
    assert bigram > 0
    assert math.isnan(misfit)
    assert is_running(int(pid))
    server.send_signal(signal.SIGKILL)
    began = time.monotonic()
    wait(lambda: not is_running(int(pid)), "the end of the process")
    assert time.monotonic() < began + 30
    assert server.communicate() == ("", "")
