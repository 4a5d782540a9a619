"""The run directory: all that training leaves behind, and all that looking needs.

    run.json          what was trained: model, config, training settings, corpus, baselines
    tokenizer.json    text to ids and back
    counted.safetensors  how often each character follows each, to hold a learned table against
    metrics.jsonl     what happened, a line for each step, evaluation, sample and snapshot; only appended to
    status.json       running, paused, finished, stopped or failed, and why
    snapshots/        the weights at steps spread over the run, to watch it again
    README.md         a card, in a packed run only (`lm/packing.py`)
    resume.safetensors  weights and optimiser state at the last checkpoint, to go on exactly from there

The page, the command line and several processes together all write this same folder (`lm/recording.py`), and
whoever reads it, here, need not know which. Nothing is ever unpickled.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lm import corpora, tokenizers
from lm.errors import Problem, RunProblem
from lm.ladder import rung
from lm.plan import Plan
from lm.sizes import outline
from lm.training.events import Checkpoint
from lm.training.learners import Data

FORMAT: Literal[1] = 1
SCALE = ":scale"  # behind a matrix's name: what its whole numbers are to be multiplied by
Status = Literal["running", "paused", "finished", "stopped", "failed"]


class CorpusRecord(BaseModel):
    """Which text a run learned from, without the text."""

    model_config = ConfigDict(frozen=True)
    name: str
    title: str
    path: str | None
    sha256: str
    characters: int
    floor: float | None


class RunRecord(BaseModel):
    """The contents of run.json."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1]
    model: str
    config: dict[str, Any]
    training: dict[str, Any]
    corpus: CorpusRecord
    vocab_size: int = Field(ge=1)
    parameters: int
    tokens_per_step: int
    baselines: dict[str, float]  # counted, nats per character over the validation split
    created: str
    recipe: str | None = None  # the name under which the settings were known, if they had one
    note: str = ""


class StatusRecord(BaseModel):
    """The contents of status.json."""

    model_config = ConfigDict(frozen=True)
    status: Status
    reason: str | None = None
    step: int


class Run:
    """A run directory, open for reading. Made by `open_run` and `recording.create`."""

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
            raise RunProblem(f"{path} is damaged at {_place(error)}.") from None
        return status.status, status.reason, status.step

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut short by a crash is left out."""
        return read_metrics(self.metrics_path)[0]

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
        path = self.directory / "snapshots" / f"{nearest:08d}.safetensors"
        tensors = in_floats(path, read_tensors(path)[0])
        self._check_fit(path, tensors)
        with torch.random.fork_rng(devices=[]):
            model = self.plan.rung.model(self.plan.config, self.record.vocab_size)
        model.load_state_dict(tensors)
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
                weights=parts["weights"],
                optimizer=parts["optimizer"],
                replay=False,
            )
            written = int(metadata["metrics_bytes"])
        except (KeyError, ValueError):
            raise RunProblem(f"{path} is damaged: the run cannot be resumed.") from None
        self._check_fit(path, checkpoint.weights, checkpoint.optimizer)
        return checkpoint, written

    def _check_fit(
        self, path: Path, weights: dict[str, Tensor], optimizer: dict[str, Tensor] | None = None
    ) -> None:
        """Raise a `RunProblem` unless these tensors of the file `path` belong to the run's model."""
        misfit = RunProblem(f"{path} does not fit the model that run.json describes.")
        held = sum(tensor.numel() for tensor in weights.values())
        if held < self.record.vocab_size and self.record.parameters:
            raise misfit  # before so large a model is outlined: its memory would be asked for
        model = outline(self.plan, self.record.vocab_size)
        trained = {name: parameter.shape for name, parameter in model.named_parameters()}
        states = ((name.rpartition(":")[0], tensor) for name, tensor in (optimizer or {}).items())
        foreign = any(
            name not in trained or tensor.shape not in ((), trained[name])
            for name, tensor in states
        )
        try:  # the model knows what fits it: a counted one holds as many numbers as it met
            model.load_state_dict(weights, assign=True)
        except RuntimeError:
            foreign = True
        if foreign:
            raise misfit


def open_run(directory: Path) -> Run:
    """Read a run directory, checking all of it but the tensors. `RunProblem` says what is wrong."""
    path = directory / "run.json"
    if not path.exists():
        raise RunProblem(f"{directory} holds no run: there is no run.json in it.")
    contents = read_json(path)
    if contents.get("format") != FORMAT:
        raise RunProblem(f"{path} is of another format; this program reads format {FORMAT}.")
    try:
        record = RunRecord.model_validate(contents)
        which = rung(record.model)
        plan = Plan(
            rung=which,
            config=which.config.make(**record.config),
            training=type(which.training).make(**record.training),
        )
    except ValidationError as error:
        raise RunProblem(f"{path} is damaged at {_place(error)}.") from None
    except Problem as problem:
        raise RunProblem(f"{path} cannot be used: {problem}") from None
    return Run(directory, record, plan)


def data_for(corpus: corpora.Corpus, tokenizer: tokenizers.Tokenizer | None = None) -> Data:
    """A corpus as token ids, in characters unless another tokenizer is given."""
    tokenizer = tokenizer or tokenizers.CharacterTokenizer.from_text(corpus.text)
    return Data.from_text(corpus.train_text, corpus.validation_text, tokenizer)


def read_metrics(path: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a metrics file from byte `start` on, and the byte after the last of them."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            fresh = file.read()
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None
    whole = fresh[: fresh.rfind(b"\n") + 1]
    try:
        records = [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise RunProblem(f"{path} is damaged: a line of it is not JSON.") from None
    if not all(
        isinstance(record, dict) and {"type", "step"} <= record.keys() for record in records
    ):
        raise RunProblem(f"{path} is damaged: a line of it is not a record of a run.")
    return records, start + len(whole)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run directory. `RunProblem` if it is missing or damaged."""
    try:
        contents = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise RunProblem(f"{path} is damaged: it is not JSON.") from None
    if not isinstance(contents, dict):
        raise RunProblem(f"{path} is damaged: it is not a JSON object.")
    return contents


def in_floats(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Undo `packing.in_bytes`: matrices saved as whole numbers and a scale for each row (R, 1).

    `RunProblem` if a scale of the file `path` is not that of a matrix.
    """
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for name in tensors.keys() - weights.keys():
        scale, matrix = tensors[name], weights.get(name.removesuffix(SCALE))
        if matrix is None or matrix.ndim != 2 or scale.shape != (len(matrix), 1):
            raise RunProblem(f"{path} is damaged: {name} is the scale of no matrix.")
        weights[name.removesuffix(SCALE)] = matrix * scale
    return weights


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. `RunProblem` if it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except (SafetensorError, OSError) as error:
        raise RunProblem(f"{path} is damaged or not a safetensors file: {error}.") from None


def _place(error: ValidationError) -> str:
    """Where in a JSON file the first fault is: 'corpus.sha256'."""
    return repr(".".join(map(str, error.errors()[0]["loc"])))
