"""Fifty steps of every rung, as they were recorded: a change that should not matter must not move them.

Recorded by the first version of this project, before its rungs were rewritten in plain form. To record a curve
anew, after a change that is meant to change learning: `python -m tests.lm.test_golden_curves NAME`.
"""

import json
import sys
from pathlib import Path

import pytest
import torch

from lm import corpora, tasks
from lm.corpora import pairs
from lm.ladder import RUNGS
from lm.tasks import Rewrite
from lm.tokenizers import CharacterTokenizer

FOLDER = Path(__file__).parent / "golden"
CASES = {name: (name, {}) for name in RUNGS} | {
    # Every option of the architecture that the recipes use, and Muon, in float32.
    "decoder_transformer-modern": (
        "decoder_transformer",
        {"recipe": "speedrun", "precision": "float32", "batch_size": 8},
    ),
    "decoder_transformer-gpt2": (
        "decoder_transformer",
        {"recipe": "nanogpt-cpu", "n_layer": 2, "n_embd": 64},
    ),
    "decoder_transformer-swiglu": (
        "decoder_transformer",
        {"activation": "swiglu", "n_layer": 2, "n_embd": 64, "token_noise": 0.1},
    ),
}


def data_of(plan):
    """A tenth of the plays, or three digits and the same backwards."""
    if tasks.KINDS[plan.task.task].pairs:
        lines = pairs.from_tsv("".join(f"{n}\t{str(n)[::-1]}\n" for n in range(100, 400)))
        return Rewrite.load(lines, CharacterTokenizer.from_text(lines.text))
    return tasks.text_data(
        corpora.from_text(corpora.load("synthetic_plays").text[:100_000], name="plays")
    )


def curve(name):
    """The loss of each of fifty training steps, and the validation losses on the way."""
    from lm.training.events import Evaluated, Step
    from lm.training.loop import train

    rung, settings = CASES[name]
    length = (
        {"parts": 1} if rung == "ngram" else {"steps": 50, "evaluate_every": 25, "warmup_steps": 10}
    )
    plan = RUNGS[rung].plan(**{"recipe": "classic"} | settings | length)
    events = list(train(plan, data_of(plan)))
    return {
        "train": [e.loss for e in events if isinstance(e, Step)],
        "validation": [e.loss for e in events if isinstance(e, Evaluated)],
    }


@pytest.mark.parametrize("name", CASES)
def test_learning_is_as_recorded(name):
    recorded = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    found = curve(name)
    for which in ("train", "validation"):
        torch.testing.assert_close(
            torch.tensor(found[which]), torch.tensor(recorded[which]), rtol=1e-3, atol=1e-3
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{case}.json").write_text(json.dumps(curve(case)) + "\n", "utf-8")
        print(case)
