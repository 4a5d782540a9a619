"""A model as others have it: a small Hugging Face folder, written by our own export."""

import json
from pathlib import Path

from lm.interchange import to_hugging_face
from lm.ladder import RUNGS
from lm.runs import recording
from lm.runs.preparation import prepare
from lm.training.loop import train

PIECES = {"tokenizer": "bpe", "vocab_size": 300}
CHAT = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def written(place: Path, text, tiny_plan) -> Path:
    """The folder, in `place`; its model has learned for a step, and has a chat template."""
    plan = tiny_plan(
        RUNGS["decoder_transformer"], bias=False, n_layer=2, steps=1, evaluate_every=1, **PIECES
    )
    learned = prepare(text.corpus, plan.tokenizer, plan.task)
    run = learned.new_run(place / "run", plan)
    for _ in recording.record(run, train(plan, learned.data)):
        pass
    folder = place / "folder"
    to_hugging_face.write(run, folder)
    saved = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(saved | {"chat_template": CHAT}))
    return folder
