"""The run directory, which a training run leaves behind, open for reading.

    run.json             the plan, the text, the size, what counting achieves (`format.py`)
    tokenizer.json       text to ids and back
    counted.safetensors  the counted table of the next token, to compare a learned table with
    metrics.jsonl        a line for each step, evaluation, sample and snapshot; only appended to
    status.json          running, paused, finished, stopped or failed, and the reason
    snapshots/           the weights at steps spread over the run, to replay it
    README.md            a card, in a packed run only (`packing.py`)
    resume.safetensors   weights and optimizer state at the last checkpoint, to resume exactly from there

The page and the command line write the same folder (`recording.py`), and a reader need not know which. Nothing
is ever unpickled.
"""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from torch import Tensor, nn

from lm import corpora, tokenizers
from lm.errors import RunProblem
from lm.mixture import COUNTED, load_weights, with_counts
from lm.plan import Plan
from lm.runs.files import read_json, read_metrics, read_tensors
from lm.runs.format import (
    RunRecord,
    Status,
    StatusRecord,
    current_names,
    place_of,
    plan_of,
    record_of,
)
from lm.runs.quantization import in_floats
from lm.sizes import outline
from lm.training.events import Checkpoint


class Run:
    """One run directory. Made by `open_run` and `recording.create`."""

    def __init__(self, directory: Path, record: RunRecord, plan: Plan) -> None:
        self.directory = directory
        self.record = record
        self.plan = plan

    @property
    def metrics_path(self) -> Path:
        """The append-only record of what happened."""
        return self.directory / "metrics.jsonl"

    def tokenizer(self) -> tokenizers.Tokenizer:
        """The tokenizer that the run was trained with."""
        tokenizer = tokenizers.load(read_json(self.directory / "tokenizer.json"))
        if tokenizer.vocab_size != self.record.vocab_size:
            raise RunProblem(f"{self.directory} is damaged: its tokenizer is of another run.")
        return tokenizer

    def corpus(self, elsewhere: str | None = None) -> corpora.Corpus:
        """The text it learned from; `elsewhere` names or locates it if it is no longer where it was."""
        corpus = corpora.load(elsewhere or self.record.corpus.path or self.record.corpus.name)
        if corpus.sha256 != self.record.corpus.sha256:
            raise RunProblem(
                f"{corpus.title} is not the text that {self.directory} was trained on: "
                "give that text with --corpus."
            )
        return corpus

    def status(self) -> tuple[Status, str | None, int]:
        """What became of it, the reason if there is one, and the last step written down."""
        path = self.directory / "status.json"
        try:
            status = StatusRecord.model_validate(read_json(path))
        except ValidationError as error:
            raise RunProblem(f"{path} is damaged at {place_of(error)}.") from None
        return status.status, status.reason, status.step

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut short by a crash is left out."""
        return read_metrics(self.metrics_path)[0]

    def evaluations(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl that hold a validation loss."""
        return [line for line in self.metrics() if line["type"] == "evaluation"]

    def snapshot_path(self, step: int) -> Path:
        """The file of the weights after `step` steps, whether it is there or not."""
        return self.directory / "snapshots" / f"{step:08d}.safetensors"

    def snapshots(self) -> list[int]:
        """The steps whose weights can be looked at, ascending."""
        names = (path.stem for path in (self.directory / "snapshots").glob("*.safetensors"))
        return sorted(int(name) for name in names if name.isdigit())

    def nearest_snapshot(self, step: int | None = None) -> int:
        """The step of the snapshot nearest to `step` (the last one, if None)."""
        steps = self.snapshots()
        if not steps:
            raise RunProblem(f"{self.directory} holds no snapshot of the weights yet.")
        return steps[-1] if step is None else min(steps, key=lambda s: abs(s - step))

    def model(self, step: int | None = None) -> tuple[nn.Module, int]:
        """The model as it was at the snapshot nearest to `step` (the last one, if None), and its step."""
        nearest = self.nearest_snapshot(step)
        path = self.snapshot_path(nearest)
        tensors = current_names(in_floats(path, read_tensors(path)[0]))
        self._check_contents(path, tensors, nearest)
        model = with_counts(
            outline(self.plan, self.record.vocab_size), self.plan, self.record.vocab_size
        )
        self._load(path, model, tensors)
        return model.eval(), nearest

    def counted_pairs(self) -> np.ndarray:
        """(V, V) counted probabilities of the next character; row c is what follows c."""
        tensors, _ = read_tensors(self.directory / "counted.safetensors")
        V = self.record.vocab_size
        if "pairs" not in tensors or tensors["pairs"].shape != (V, V):
            raise RunProblem(f"{self.directory} is damaged: counted.safetensors is of another run.")
        return tensors["pairs"].numpy()

    def checkpoint(self) -> tuple[Checkpoint, int]:
        """Where to go on from, and how many bytes of metrics.jsonl had been written by then."""
        path = self.directory / "resume.safetensors"
        if not path.exists():
            raise RunProblem(
                f"{self.directory} holds nothing to go on from: it is a packed copy, or it ended "
                "before its first checkpoint. Train a new run."
            )
        tensors, metadata = read_tensors(path)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}}
        try:
            for name, tensor in tensors.items():
                kind, rest = name.split("/", 1)
                parts[kind][rest] = tensor
            checkpoint = Checkpoint(
                step=int(metadata["step"]),
                evaluated=int(metadata["evaluated"]),
                sampled=int(metadata["sampled"]),
                seconds=float(metadata["seconds"]),
                learning_rate=float(metadata["learning_rate"]),
                weights=current_names(parts["weights"]),
                optimizer=current_names(parts["optimizer"]),
                replay=False,
            )
            written = int(metadata["metrics_bytes"])
        except (KeyError, ValueError):
            raise RunProblem(f"{path} is damaged: the run cannot be resumed.") from None
        self._check_resumable(path, checkpoint)
        return checkpoint, written

    def _check_resumable(self, path: Path, checkpoint: Checkpoint) -> None:
        """Raise a `RunProblem` unless the checkpoint's tensors belong to the run's model."""
        self._check_contents(path, checkpoint.weights, checkpoint.step)
        network = outline(self.plan, self.record.vocab_size)
        shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
        for name, tensor in checkpoint.optimizer.items():
            weight = name.rpartition(":")[0]
            if weight not in shapes or tensor.shape not in ((), shapes[weight]):
                raise self._misfit(path)
        self._load(
            path, with_counts(network, self.plan, self.record.vocab_size), checkpoint.weights
        )

    def _check_contents(self, path: Path, weights: dict[str, Tensor], step: int) -> None:
        """Raise a `RunProblem` if the weights of a file are far too few for the model of run.json.

        This comes before the model is made: a damaged run.json must not make it ask for any amount of memory.
        From step 1 on, a mixture must have its counts.
        """
        held = sum(tensor.numel() for tensor in weights.values())
        counts = any(name.startswith(COUNTED) for name in weights)
        mixed = self.plan.training.counted_share() > 0
        if self.record.parameters and held < self.record.vocab_size:
            raise self._misfit(path)
        if step > 0 and mixed and not counts:
            raise self._misfit(path)

    def _load(self, path: Path, model: nn.Module, weights: dict[str, Tensor]) -> None:
        """Put the weights of a file into the model. `RunProblem` if they do not fit."""
        try:
            load_weights(model, weights)
        except RuntimeError:
            raise self._misfit(path) from None

    def _misfit(self, path: Path) -> RunProblem:
        return RunProblem(f"{path} does not fit the model that run.json describes.")


def open_run(directory: Path) -> Run:
    """Read a run directory, checking all of it but the tensors. `RunProblem` says what is wrong."""
    path = directory / "run.json"
    if not path.exists():
        raise RunProblem(f"{directory} holds no run: there is no run.json in it.")
    record = record_of(read_json(path), path)
    return Run(directory, record, plan_of(record, path))
