"""Five small runs that are really trained, for the tests that have several runs side by side."""

from pathlib import Path

from lm import corpora
from lm.ladder import RUNGS
from lm.runs import recording
from lm.training.loop import train
from playground.texts import Texts

SMALL = {
    "n_embd": 8,
    "n_head": 2,
    "n_layer": 1,
    "context_length": 16,
    "steps": 40,
    "batch_size": 4,
    "evaluate_every": 10,
    "warmup_steps": 5,
}
WANTED = {  # the five runs: a model, and what differs
    "base": ("decoder_transformer", {}),
    "layers": ("decoder_transformer", {"n_layer": 2}),
    "rotary": ("decoder_transformer", {"positions": "rotary"}),
    "pairs": ("bigram", {}),
    "elsewhere": ("decoder_transformer", {}),  # on another text
}


def train_five(folder: Path, texts_folder: Path) -> None:
    """Train them into a folder."""
    texts = Texts(texts_folder, {})
    plays = corpora.load("synthetic_plays").text
    here, there = (texts.get(texts.add(plays[begin:][:6000].encode())) for begin in (0, 50_000))
    for name, (model, changed) in WANTED.items():
        known = RUNGS[model].settings()
        settings = {k: v for k, v in (SMALL | changed).items() if k in known}
        text = there if name == "elsewhere" else here
        run = text.new_run(folder / name, RUNGS[model].plan(**settings))
        for _ in recording.record(run, train(run.plan, text.data)):
            pass
