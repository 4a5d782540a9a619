"""nanoGPT, unmodified: train it by its README's CPU recipe, and find the step that reached a loss.

Its own validation losses are estimates over random batches. Here each of its checkpoints is renamed as soon as
it is written, loaded afterwards with its own `model.py`, and evaluated over the whole split as ours are.
"""

import contextlib
import importlib.util
import io
import re
import statistics
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn

from lm.corpora import Corpus
from lm.evaluation import evaluate
from tests.benchmarks import checkouts

DATA = "data/shakespeare_char"
BATCH, CONTEXT = 12, 64
RECIPE = (
    "config/train_shakespeare_char.py",
    "--device=cpu",
    "--compile=False",
    "--log_interval=1",
    f"--block_size={CONTEXT}",
    f"--batch_size={BATCH}",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--dropout=0.0",
)
# Its estimates vary by 0.02; a checkpoint this far above the target need not be evaluated exactly.
HOPELESS = 0.15

_ESTIMATE = re.compile(r"step (\d+): train loss [\d.]+, val loss ([\d.]+)")
_ITERATION = re.compile(r"iter (\d+): loss [\d.]+, time ([\d.]+)ms")


@dataclass(frozen=True)
class Training:
    """A finished training: checkpoints and estimated losses by step, and the time of each iteration."""

    checkpoints: dict[int, Path]
    estimates: dict[int, float]
    seconds: list[float]  # of iteration 0, 1 …
    every: int  # iterations between two evaluations

    def seconds_until(self, step: int) -> float:
        """Seconds of training for `step` steps; an iteration with an evaluation counts as a median one."""
        plain = [s for i, s in enumerate(self.seconds) if i % self.every]
        usual = statistics.median(plain)
        return sum(s if i % self.every else usual for i, s in enumerate(self.seconds[:step]))


def prepare(checkout: Path, into: Path, corpus: Corpus) -> Path:
    """A copy of the checkout with the corpus prepared by its own `prepare.py`."""
    folder = checkouts.copy(checkout, into, corpus, f"{DATA}/input.txt")
    command = [sys.executable, f"{DATA}/prepare.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(
            f"nanoGPT's prepare.py failed: {done.stderr.strip()[-500:]}\n"
            "(pip install -r tests/benchmarks/requirements.txt)"
        )
    return folder


def train(folder: Path, *, steps: int, every: int, eval_iters: int) -> Training:
    """Run its train.py in a prepared copy and keep a checkpoint every `every` steps."""
    schedule = (
        f"--max_iters={steps}",
        f"--lr_decay_iters={steps}",
        f"--eval_iters={eval_iters}",
        f"--eval_interval={every}",
        "--always_save_checkpoint=True",
    )
    result = Training({}, {}, [], every)
    said: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        [sys.executable, "-u", "train.py", *RECIPE, *schedule],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if found := _ESTIMATE.match(line):
                result.estimates[int(found[1])] = float(found[2])
            elif found := _ITERATION.match(line):
                step = int(found[1])
                result.seconds.append(float(found[2]) / 1000)
                # The checkpoint of `step` is written before this line.
                if step and step % every == 0:
                    written = folder / "out-shakespeare-char" / "ckpt.pt"
                    result.checkpoints[step] = written.rename(written.with_name(f"{step}.pt"))
    if process.returncode:
        raise click.ClickException(f"nanoGPT's train.py failed:\n{''.join(said)}")
    return result


def reach(folder: Path, training: Training, target: float) -> tuple[int, float]:
    """Step and exact loss of the first checkpoint at or below `target`, else of the best one."""
    tokens = np.fromfile(folder / DATA / "val.bin", dtype=np.uint16).astype(np.int64)
    best = (0, float("inf"))
    for step, path in training.checkpoints.items():
        last = step == max(training.checkpoints)
        if training.estimates[step] > target + HOPELESS and not last:
            continue
        loss = exact_loss(folder, path, torch.from_numpy(tokens))
        best = min(best, (step, loss), key=lambda pair: pair[1])
        if loss <= target:
            break
    return best


def build(checkout: Path, **config: Any) -> Any:
    """Its `GPT(GPTConfig(…))`, from its own `model.py`; no file is written into the checkout."""
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("nanogpt_model", checkout / "model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its size
        return module.GPT(module.GPTConfig(**config))


def exact_loss(folder: Path, checkpoint: Path, tokens: Tensor) -> float:
    """The loss of a checkpoint over all of `tokens` (N,), in nats per token."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = build(folder, **saved["model_args"])
    compiled = "_orig_mod."  # torch.compile begins each name with it, and train.py saves it so
    model.load_state_dict({name.removeprefix(compiled): t for name, t in saved["model"].items()})
    return evaluate(_AllScores(model), tokens, saved["model_args"]["block_size"]).loss


class _AllScores(nn.Module):
    """nanoGPT's model with the scores of every position, which it returns only if it gets targets."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to scores (B, T, V)."""
        scores, _ = self.model(tokens, tokens)
        return scores
