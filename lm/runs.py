"""The run directory: all that training leaves behind, and all that looking needs.

    run.json          what was trained: model, config, training settings, corpus, baselines
    tokenizer.json    text to ids and back
    counted.safetensors  how often each character follows each, to hold a learned table against
    metrics.jsonl     what happened, a line for each step, evaluation, sample and snapshot; only appended to
    status.json       running, paused, finished, stopped or failed, and why
    snapshots/        the weights at steps spread over the run, to watch it again
    resume.safetensors  weights and optimiser state at the last checkpoint, to go on exactly from there

The page, the command line and several processes together all write this same folder, and whoever reads it
need not know which. Files are replaced whole (written beside, then renamed) or appended to, so that a crash
leaves either the old state or the new one. Nothing is ever unpickled.
"""

import contextlib
import datetime
import errno
import json
import math
import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lm import corpora, tokenizers
from lm.errors import Diverged, Problem, RunProblem
from lm.models import count_parameters, rung
from lm.training import (
    Checkpoint,
    Command,
    Data,
    Evaluated,
    Event,
    LearningRateChanged,
    Plan,
    Sample,
    Step,
    TrainingConfig,
)

FORMAT: Literal[1] = 1
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
    vocab_size: int
    parameters: int
    tokens_per_step: int
    baselines: dict[str, float]  # counted, nats per character over the validation split
    created: str
    note: str = ""


class Run:
    """A run directory, open for reading. Made by `open_run` and `create`."""

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
        tokenizer = tokenizers.load(_read_json(self.directory / "tokenizer.json"))
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
        status = _read_json(self.directory / "status.json")
        return status["status"], status.get("reason"), int(status["step"])

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl; a line cut short by a crash is left out."""
        return read_metrics(self.metrics_path)[0]

    def snapshots(self) -> list[int]:
        """The steps whose weights can be looked at, ascending."""
        names = (path.stem for path in (self.directory / "snapshots").glob("*.safetensors"))
        return sorted(int(name) for name in names if name.isdigit())

    def model(self, step: int | None = None) -> tuple[nn.Module, int]:
        """The model as it was at the snapshot nearest to `step` (the last one, if None), and its step."""
        steps = self.snapshots()
        if not steps:
            raise RunProblem(f"{self.directory} holds no snapshot of the weights yet.")
        nearest = steps[-1] if step is None else min(steps, key=lambda s: abs(s - step))
        path = self.directory / "snapshots" / f"{nearest:08d}.safetensors"
        tensors, _ = _read_tensors(path)
        with torch.random.fork_rng(devices=[]):
            model = self.plan.rung.model(self.plan.config, self.record.vocab_size)
        try:
            model.load_state_dict(tensors)
        except RuntimeError:
            raise RunProblem(f"{path} does not fit the model that run.json describes.") from None
        return model.eval(), nearest

    def counted_pairs(self) -> np.ndarray:
        """(V, V) counted probabilities of the next character; row c is what follows c."""
        tensors, _ = _read_tensors(self.directory / "counted.safetensors")
        if "pairs" not in tensors:
            raise RunProblem(f"{self.directory} is damaged: counted.safetensors has no pairs.")
        return tensors["pairs"].numpy()

    def checkpoint(self) -> Checkpoint:
        """Where to go on from."""
        tensors, metadata = _read_tensors(self.directory / "resume.safetensors")
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "optimizer": {}}
        try:
            for name, tensor in tensors.items():
                kind, rest = name.split("/", 1)
                parts[kind][rest] = tensor
            return Checkpoint(
                step=int(metadata["step"]),
                evaluated=int(metadata["evaluated"]),
                seconds=float(metadata["seconds"]),
                learning_rate=float(metadata["learning_rate"]),
                weights=parts["weights"],
                optimizer=parts["optimizer"],
                replay=False,
            )
        except (KeyError, ValueError):
            raise RunProblem(f"{self.directory} is damaged: it cannot be resumed.") from None


def create(
    directory: Path,
    plan: Plan,
    corpus: corpora.Corpus,
    tokenizer: tokenizers.Tokenizer,
    baselines: dict[str, float],
    counted_pairs: np.ndarray,
) -> Run:
    """Make a new run directory. `RunProblem` if there is a run in it, or it cannot be written.

    baselines and counted_pairs, the (V, V) table of the next character, are what counting alone
    achieves (`lm.ngrams`): the charts stand beside them.
    """
    if (directory / "run.json").exists():
        raise RunProblem(f"{directory} already holds a run: choose another folder, or --resume it.")
    with torch.device("meta"):
        parameters = count_parameters(plan.rung.model(plan.config, tokenizer.vocab_size))
    record = RunRecord(
        format=FORMAT,
        model=plan.rung.name,
        config=plan.config.model_dump(),
        training=plan.training.model_dump(),
        corpus=CorpusRecord(
            name=corpus.name,
            title=corpus.title,
            path=corpus.path,
            sha256=corpus.sha256,
            characters=len(corpus.text),
            floor=corpus.floor,
        ),
        vocab_size=tokenizer.vocab_size,
        parameters=parameters,
        tokens_per_step=plan.tokens_per_step,
        baselines=baselines,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    with _explained(directory):
        (directory / "snapshots").mkdir(parents=True, exist_ok=True)
        write_json(directory / "tokenizer.json", tokenizer.to_json())
        write_tensors(
            directory / "counted.safetensors",
            {"pairs": torch.from_numpy(counted_pairs.astype(np.float32))},
            {},
        )
        write_json(directory / "run.json", record.model_dump())
        (directory / "metrics.jsonl").touch()
        write_status(directory, "running", 0)
    return Run(directory, record, plan)


def open_run(directory: Path) -> Run:
    """Read a run directory, checking all of it but the tensors. `RunProblem` says what is wrong."""
    path = directory / "run.json"
    if not path.exists():
        raise RunProblem(f"{directory} holds no run: there is no run.json in it.")
    contents = _read_json(path)
    if contents.get("format") != FORMAT:
        raise RunProblem(f"{path} is of another format; this program reads format {FORMAT}.")
    try:
        record = RunRecord.model_validate(contents)
        which = rung(record.model)
        plan = Plan(
            rung=which,
            config=which.config.make(**record.config),
            training=TrainingConfig.make(**record.training),
        )
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise RunProblem(f"{path} is damaged at {place!r}.") from None
    except Problem as problem:
        raise RunProblem(f"{path} cannot be used: {problem}") from None
    return Run(directory, record, plan)


class Recorder:
    """Writes a run's events into its directory. Append-only, or atomic; `RunProblem` on a full disk."""

    flush_every = 0.05  # seconds a line may wait before a reader can see it

    def __init__(self, run: Run) -> None:
        self.run = run
        self.step = 0
        self._flushed = time.monotonic()
        with _explained(run.directory):
            self._metrics = run.metrics_path.open("a", encoding="utf-8")

    def write(self, event: Event) -> None:
        """Put one event on disk."""
        with _explained(self.run.directory):
            if isinstance(event, Step):
                self.step = event.step
                self._line(
                    type="step",
                    step=event.step,
                    loss=round(event.loss, 5),
                    learning_rate=float(f"{event.learning_rate:.4g}"),
                    grad_norm=float(f"{event.grad_norm:.4g}"),
                    seconds=round(event.seconds, 4),
                )
            elif isinstance(event, Evaluated):
                self._line(
                    type="evaluation",
                    step=event.step,
                    loss=event.loss,
                    bits_per_char=event.bits_per_char,
                    seconds=round(event.seconds, 4),
                )
            elif isinstance(event, Sample):
                self._line(type="sample", step=event.step, text=event.text)
            elif isinstance(event, LearningRateChanged):
                self._line(type="learning_rate", step=event.step, learning_rate=event.learning_rate)
            elif isinstance(event, Checkpoint):
                self._checkpoint(event)

    def status(self, status: Status, reason: str | None = None) -> None:
        """Say what has become of the run."""
        with _explained(self.run.directory):
            self._metrics.flush()
            write_status(self.run.directory, status, self.step, reason)

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        with contextlib.suppress(OSError):
            self._metrics.close()

    def _line(self, **record: Any) -> None:
        self._metrics.write(json.dumps(record, ensure_ascii=False) + "\n")
        now = time.monotonic()
        if now - self._flushed > self.flush_every:
            self._metrics.flush()
            self._flushed = now

    def _checkpoint(self, event: Checkpoint) -> None:
        self.step = event.step
        directory = self.run.directory
        if event.replay:
            name = f"{event.step:08d}.safetensors"
            write_tensors(directory / "snapshots" / name, event.weights, {"step": str(event.step)})
            self._line(type="snapshot", step=event.step)
        self._metrics.flush()
        tensors = {f"weights/{name}": tensor for name, tensor in event.weights.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in event.optimizer.items()}
        metadata = {
            "step": str(event.step),
            "evaluated": str(event.evaluated),
            "seconds": repr(event.seconds),
            "learning_rate": repr(event.learning_rate),
            "metrics_bytes": str(self.run.metrics_path.stat().st_size),
        }
        write_tensors(directory / "resume.safetensors", tensors, metadata)


def record(
    run: Run, events: Generator[Event, Command | None, None]
) -> Generator[Event, Command | None, None]:
    """Pass a training run's events through, and commands back, writing everything down on the way.

    When the events end the run is finished; when the caller stops asking (`close()`) it is stopped; when
    the loss runs away or the disk is full it is failed, with the reason. What was written stays.
    """
    recorder, command = Recorder(run), None
    try:
        recorder.status("running")
        while True:
            try:
                event = events.send(command)
            except StopIteration:
                break
            recorder.write(event)
            command = yield event
        recorder.status("finished")
    except GeneratorExit:
        recorder.status("stopped")
        raise
    except (Diverged, RunProblem) as problem:
        with contextlib.suppress(RunProblem):
            recorder.status("failed", str(problem))
        raise
    finally:
        events.close()
        recorder.close()


def rewind(run: Run) -> Checkpoint:
    """Prepare a run to be resumed: forget what was written after its last checkpoint, and return that."""
    checkpoint = run.checkpoint()
    _, metadata = _read_tensors(run.directory / "resume.safetensors")
    with _explained(run.directory):
        keep = int(metadata.get("metrics_bytes", 0))
        if run.metrics_path.stat().st_size < keep:
            raise RunProblem(f"{run.directory} is damaged: metrics.jsonl has been cut short.")
        os.truncate(run.metrics_path, keep)
        for step in run.snapshots():
            if step > checkpoint.step:
                (run.directory / "snapshots" / f"{step:08d}.safetensors").unlink()
    return checkpoint


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
        return [json.loads(line) for line in whole.splitlines()], start + len(whole)
    except ValueError:
        raise RunProblem(f"{path} is damaged: a line of it is not JSON.") from None


def write_status(directory: Path, status: Status, step: int, reason: str | None = None) -> None:
    """Replace status.json."""
    write_json(directory / "status.json", {"status": status, "reason": reason, "step": step})


def write_json(path: Path, contents: Any) -> None:
    """Replace a JSON file, whole."""
    with _beside(path) as temporary:
        temporary.write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_text(path: Path, text: str) -> None:
    """Replace a text file, whole, making its folder. `RunProblem` on a full or read-only disk."""
    with _explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path) as temporary:
            temporary.write_text(text, "utf-8", newline="")


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Replace a safetensors file, whole."""
    with _beside(path) as temporary:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            temporary,
            metadata,
        )


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary neighbour of `path` that takes its place if nothing went wrong."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Turn what the disk says into a sentence."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENOSPC or "No space left" in str(error):
            what = "the disk is full; free some space"
        elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
            what = "it is read-only; choose another folder"
        else:
            what = getattr(error, "strerror", None) or str(error)
        raise RunProblem(f"The run cannot be written to {directory}: {what}.") from None


def _read_json(path: Path) -> dict[str, Any]:
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


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except FileNotFoundError:
        raise RunProblem(f"{path.parent} is damaged: {path.name} is missing.") from None
    except (SafetensorError, OSError) as error:
        raise RunProblem(f"{path} is damaged or not a safetensors file: {error}.") from None


def pack(run: Run, out: Path, snapshots: int, note: str = "") -> int:
    """Copy a run for shipping: `snapshots` of its snapshots in half precision, nothing to resume.

    Kept are the first, the last, and those between that are spread most evenly over the logarithm of
    the step. Returns the size of the copy in bytes. `RunProblem` if `out` already exists.
    """
    if out.exists():
        raise RunProblem(f"{out} already exists: choose a new folder.")
    steps = run.snapshots()
    wanted = {round(steps[-1] ** (i / (snapshots - 1))) for i in range(1, snapshots)} | {0}
    keep = {min(steps, key=lambda s: abs(math.log1p(s) - math.log1p(w))) for w in wanted}
    with _explained(out):
        (out / "snapshots").mkdir(parents=True)
        for step in sorted(keep):
            name = f"{step:08d}.safetensors"
            tensors, metadata = _read_tensors(run.directory / "snapshots" / name)
            halves = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
            write_tensors(out / "snapshots" / name, halves, metadata)
        lines = [
            json.dumps(line, ensure_ascii=False)
            for line in run.metrics()
            if line["type"] != "snapshot" or line["step"] in keep
        ]
        (out / "metrics.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        corpus = run.record.corpus.model_copy(update={"path": None})
        record = run.record.model_copy(update={"corpus": corpus, "note": note})
        write_json(out / "run.json", record.model_dump())
        for name in ("tokenizer.json", "status.json"):
            write_json(out / name, _read_json(run.directory / name))
        write_tensors(
            out / "counted.safetensors", {"pairs": torch.from_numpy(run.counted_pairs())}, {}
        )
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
