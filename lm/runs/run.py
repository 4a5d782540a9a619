"""The run directory, which a training run leaves behind, open for reading.

    run.json             the plan, the text, the size, what counting achieves (`format.py`)
    tokenizer.json       text to ids and back
    counted.safetensors  counted pairs of tokens: in packed runs, and in all of earlier versions
    metrics.jsonl        a line for each step, evaluation, sample and snapshot; only appended to
    status.json          running, paused, finished, stopped or failed, and the reason
    snapshots/           the weights at steps spread over the run, to replay it; of a tuned run, those it trains
    README.md            a card, in a packed run only (`packing.py`)
    resume.safetensors   weights and optimizer state at the last checkpoint, to resume exactly from there
    lock                 the process that trains it now (`lock.py`)

Each file holds a checksum of its contents (`checksums.py`). The page and the command line write the same folder
(`recording.py`), and a reader need not know which. Nothing is ever unpickled.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from lm import corpora, tokenizers
from lm.baselines import Pairs, frequent_pairs
from lm.costs.sizes import outline, tuned_outline
from lm.errors import BaseProblem, RunProblem
from lm.mixture import COUNTED, load_weights, with_counts
from lm.plan import Plan
from lm.runs import base, checksums, lock
from lm.runs.corpus_of import corpus_of
from lm.runs.files import last_record, read_json, read_metrics, read_tensors
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
from lm.start import StartConfig
from lm.training.events import Checkpoint
from lm.tuning import fitted, trained_weights, whole

# Bytes of a counted.safetensors that is read; a larger one is counted anew.
MOST_COUNTED = 20_000_000

GONE = (
    "The process that trained it ended without saying why: it was killed, or the machine went down."
)


class Written(NamedTuple):
    """How much of metrics.jsonl had been written at a checkpoint; no checksum in older runs."""

    length: int  # bytes
    checksum: str | None


class Run:
    """One run directory. Made by `open_run` and `recording.create`.

    identity: differs from that of a run that is made in the same place after this one was deleted.
    """

    def __init__(self, directory: Path, record: RunRecord, plan: Plan) -> None:
        self.directory = directory
        self.record = record
        self.plan = plan
        self.identity = identity(directory)

    @property
    def metrics_path(self) -> Path:
        """The append-only record of what happened."""
        return self.directory / "metrics.jsonl"

    def tokenizer(self) -> tokenizers.Tokenizer:
        """The tokenizer that the run was trained with."""
        path = self.directory / "tokenizer.json"
        saved = read_json(path)
        try:
            tokenizer = tokenizers.load(saved, self.record.foreign_tokens)
        except RunProblem as problem:
            raise RunProblem(f"{path} cannot be used: {problem}") from None
        if tokenizer.vocab_size != self.record.vocab_size:
            raise RunProblem(f"{self.directory} is damaged: its tokenizer is of another run.")
        if self.record.tokenizer_checksum not in (None, checksums.of_json(saved)):
            raise RunProblem(
                f"{path} is damaged: its contents are not those that were written. Restore it from a copy."
            )
        return tokenizer

    def corpus(self, elsewhere: str | None = None) -> corpora.AnyCorpus:
        """The text or pairs it learned from; `elsewhere` names or locates it if it is no longer where it was.

        `RunProblem` if the text is not to be had, or has changed.
        """
        return corpus_of(self.directory, self.record, elsewhere)

    def writer(self) -> str | None:
        """The process that trains it now, "process 123 on HOST", or None."""
        return lock.writer(self.directory)

    def status(self) -> tuple[Status, str | None, int]:
        """What became of it, the reason if there is one, and the last step written down.

        A run that says that it is being trained, and whose process is no more, is stopped.
        """
        alive = self.writer() is not None  # asked first: it may end, and say so, in between
        said = self._said()
        last = last_record(self.metrics_path)
        if not alive and self.metrics_path.stat().st_size < (said.metrics_bytes or 0):
            raise RunProblem(
                f"{self.metrics_path} is damaged: it has been cut short. The snapshots of the run can still "
                "be used."
            )
        step = last["step"] if last else 0
        if said.status in ("running", "paused") and not alive:
            return "stopped", GONE, step
        # It is being resumed, and has not said so yet.
        if said.status in ("stopped", "failed") and alive:
            return "running", None, step
        return said.status, said.reason, step

    def _said(self) -> StatusRecord:
        """The contents of status.json."""
        path = self.directory / "status.json"
        try:
            return StatusRecord.model_validate(read_json(path))
        except ValidationError as error:
            raise RunProblem(f"{path} is damaged at {place_of(error)}.") from None

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut short by a crash is left out."""
        return read_metrics(self.metrics_path)[0]

    def best(self) -> dict[str, Any] | None:
        """The evaluation with the lowest validation loss of those whose snapshot is kept, or None."""
        steps = set(self.snapshots())
        kept = [line for line in self.evaluations() if line["step"] in steps]
        return min(kept, key=lambda line: line["loss"], default=None)

    def evaluations(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl that hold a validation loss."""
        return [line for line in self.metrics() if line["type"] == "evaluation"]

    def snapshot_path(self, step: int) -> Path:
        """The file of the weights after `step` steps, whether it is there or not."""
        return base.snapshot_in(self.directory, step)

    def snapshots(self) -> list[int]:
        """The steps whose weights can be looked at, ascending."""
        names = (path.stem for path in (self.directory / "snapshots").glob("*.safetensors"))
        return sorted(int(name) for name in names if name.isdigit())

    def nearest_snapshot(self, step: int | None = None) -> int:
        """The step of the snapshot nearest to `step` (the last one, if None)."""
        steps = self.snapshots()
        if not steps:
            raise RunProblem(f"{self.directory} holds no snapshot of the weights yet.")
        if step is not None:
            return min(steps, key=lambda s: abs(s - step))
        last = self._said().last_snapshot
        if last is not None and last > steps[-1]:
            raise RunProblem(
                f"{self.snapshot_path(last)} is missing: it was deleted. Ask for another step; there are "
                f"{', '.join(map(str, steps))}."
            )
        return steps[-1]

    def model(self, step: int | None = None) -> tuple[nn.Module, int]:
        """The model as it was at the snapshot nearest to `step` (the last one, if None), and its step."""
        nearest = self.nearest_snapshot(step)
        path = self.snapshot_path(nearest)
        try:
            tensors = current_names(self.snapshot(nearest))
        except BaseProblem:  # which every snapshot needs
            raise
        except RunProblem as problem:
            if not path.exists():  # it was the best until now, and another is
                return self.model(step)
            others = [str(other) for other in self.snapshots() if other != nearest]
            advice = f" Other snapshots are kept: of step {', '.join(others)}." if others else ""
            raise RunProblem(f"{problem}{advice}") from None
        self._check_contents(path, tensors, nearest)
        model = with_counts(
            outline(self.plan, self.record.vocab_size), self.plan, self.record.vocab_size
        )
        self._load(path, model, tensors)
        return model.eval(), nearest

    def snapshot(self, step: int) -> dict[str, Tensor]:
        """The tensors of the snapshot of a step, in floats. `RunProblem` if the file is of another step."""
        path = self.snapshot_path(step)
        tensors, metadata = read_tensors(path)
        if metadata.get("step") != str(step):
            raise RunProblem(
                f"{path} is damaged: it holds the weights of step {metadata.get('step')}."
            )
        if any("/" in name for name in tensors):
            raise RunProblem(f"{path} is damaged: it is no snapshot.")
        tensors = in_floats(path, tensors)
        if not self.record.holds_changes_only:
            return tensors
        start = self.plan.start
        assert isinstance(start, StartConfig)
        self._check_changes(path, tensors)
        known = fitted(
            self.known_weights(), outline(self.plan, self.record.vocab_size).state_dict()
        )
        return whole(known, tensors, start)

    def known_weights(self) -> dict[str, Tensor]:
        """The weights that it started from, of the run that it started from.

        `BaseProblem` if the run that it started from is missing, or is no longer as it was.
        """
        assert self.record.base is not None
        run = open_run(base.place_of(self.record.base, self.directory))
        known = current_names(run.snapshot(self.record.base.step))
        return {name: one for name, one in known.items() if not name.startswith(COUNTED)}

    def _tuned_outline(self) -> nn.Module:
        """The model as it is trained, without weights."""
        known = self.record.base.vocab_size if self.record.base else None
        return tuned_outline(self.plan, self.record.vocab_size, known)

    def _check_changes(self, path: Path, tensors: dict[str, Tensor]) -> None:
        """Raise a `RunProblem` unless tensors are those that this run trains."""
        network = self._tuned_outline()
        wanted = {name: tensor.shape for name, tensor in trained_weights(network).items()}
        held = {n: t.shape for n, t in tensors.items() if not n.startswith(COUNTED)}
        if held != wanted:
            raise self._misfit(path)

    @cached_property
    def counted_pairs(self) -> Pairs:
        """The counted pairs of the most frequent tokens of its text, to compare a learned table with.

        They are counted when they are asked for, in the text itself, which may take a second. A packed run,
        whose text may be elsewhere, has them in a file. `RunProblem` if neither is there.
        """
        path, V = self.directory / "counted.safetensors", self.record.vocab_size
        if path.exists() and path.stat().st_size < MOST_COUNTED:
            tensors, _ = read_tensors(path)
            table = tensors.get("pairs", torch.empty(0))
            ids = tensors.get("ids", torch.arange(len(table)))  # without them, of all V tokens
            fit = len(ids) == V or ("ids" in tensors and bool((ids < V).all()))
            if not fit or table.shape != (len(ids),) * 2:
                raise RunProblem(
                    f"{self.directory} is damaged: counted.safetensors is of another run."
                )
            return Pairs(ids.numpy(), table.double().numpy()).most_frequent()
        return frequent_pairs(self.tokenizer().encode(self.corpus().train_text), V)

    def checkpoint(self) -> tuple[Checkpoint, Written]:
        """Where to go on from, and how much of metrics.jsonl had been written by then."""
        path = self.directory / "resume.safetensors"
        if not path.exists():
            raise RunProblem(
                f"{self.directory} holds nothing to go on from: it is a packed copy, or its "
                "resume.safetensors was deleted. Train a new run."
            )
        try:
            tensors, metadata = read_tensors(path)
        except RunProblem as problem:
            raise RunProblem(
                f"{problem} The run cannot be resumed; its snapshots can still be used."
            ) from None
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
            written = Written(int(metadata["metrics_bytes"]), metadata.get("metrics_checksum"))
        except (KeyError, ValueError):
            raise RunProblem(f"{path} is damaged: the run cannot be resumed.") from None
        self._check_resumable(path, checkpoint)
        return checkpoint, written

    def _check_resumable(self, path: Path, checkpoint: Checkpoint) -> None:
        """Raise a `RunProblem` unless the checkpoint's tensors belong to the run's model."""
        changes_only, network = self.record.holds_changes_only, self._tuned_outline()
        if not changes_only:
            self._check_contents(path, checkpoint.weights, checkpoint.step)
        shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
        for name, tensor in checkpoint.optimizer.items():
            weight = name.rpartition(":")[0]
            if weight not in shapes or tensor.shape not in ((), shapes[weight]):
                raise self._misfit(path)
        if changes_only:
            return self._check_changes(path, checkpoint.weights)
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


def identity(directory: Path) -> str | None:
    """Tells a run from another that is made later in the same place; None if there is no run."""
    try:
        found = (directory / "run.json").stat()
    except OSError:
        return None
    return f"{found.st_dev}-{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def open_run(directory: Path) -> Run:
    """Read a run directory, checking all of it but the tensors. `RunProblem` says what is wrong."""
    path = directory / "run.json"
    if not path.exists():
        raise RunProblem(f"{directory} holds no run: there is no run.json in it.")
    record = record_of(read_json(path), path)
    return Run(directory, record, plan_of(record, path))
