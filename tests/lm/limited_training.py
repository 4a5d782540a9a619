"""Two steps of a model of 76 MB in one of several processes, in a limited memory: `test_sharding.py` starts it.

    python -m tests.lm.limited_training MEGABYTES

The limit is for what the process takes after its imports. Environment: as `torchrun` sets it.
"""

import os
import resource
import sys

import torch

from lm import corpora, tasks
from lm.ladder import RUNGS
from lm.tasks import continue_text
from lm.training.events import Step
from lm.training.loop import train
from lm.training.processes import sharded
from lm.training.processes.group import joined

SIZES = {"n_embd": 512, "n_head": 8, "n_layer": 6, "context_length": 16, "batch_size": 2}


def main() -> None:
    torch.set_num_threads(1)
    # Each token of a sample gathers all weights.
    continue_text.SAMPLE = continue_text.SAMPLE.model_copy(update={"max_new_tokens": 2})
    torch.compiler.reset()  # imports what would be imported later
    assert sharded.ShardedLearner
    data = tasks.text_data(corpora.from_text(corpora.load("synthetic_plays").text[:20_000]))
    plan = RUNGS["decoder_transformer"].plan("classic", **SIZES, steps=5, dropout=0.0)
    with joined("cpu", sharded=True) as group, open("/proc/self/status") as status:
        held = dict(line.split(":", 1) for line in status)["VmData"].split()[0]
        limit = int(held) * 1024 + int(sys.argv[1]) * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        try:
            for event in train(plan, data, group=group):
                if isinstance(event, Step) and event.step == 2:
                    os._exit(0)  # at once: threads that got no memory may never end
        except RuntimeError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)


if __name__ == "__main__":
    main()
