"""Writing a run directory, which `run.py` reads: its beginning, its events, its end.

Files are replaced whole or appended to (`files.py`), so that a crash leaves either the old state or the new
one.
"""

import contextlib
import datetime
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lm import corpora, tokenizers
from lm.errors import Problem, RunProblem
from lm.plan import Plan
from lm.runs.files import explained, write_json, write_tensors
from lm.runs.format import FORMAT, CorpusRecord, RunRecord, Status
from lm.runs.run import Run
from lm.sizes import count_parameters, outline
from lm.training.events import (
    Checkpoint,
    Command,
    Evaluated,
    Event,
    LearningRateChanged,
    Sample,
    Step,
)


def create(
    directory: Path,
    plan: Plan,
    corpus: corpora.Corpus,
    tokenizer: tokenizers.Tokenizer,
    *,
    train_tokens: int,
    baselines: dict[str, float],
    counted_pairs: np.ndarray,
) -> Run:
    """Make a new run directory. `RunProblem` if there is a run in it, or it cannot be written.

    train_tokens: the length of the training split. baselines: the losses of counting, by name, in nats per
    character. counted_pairs: the counted (V, V) table of the next token (`lm/ngrams.py`).
    """
    if any((directory / name).exists() for name in ("run.json", "resume.safetensors")):
        raise RunProblem(f"{directory} already holds a run: choose another folder, or --resume it.")
    record = RunRecord(
        format=FORMAT,
        model=plan.rung.name,
        plan={name: part.model_dump() for name, part in plan.parts.items()},
        recipe=plan.recipe,
        corpus=CorpusRecord(
            name=corpus.name,
            title=corpus.title,
            path=corpus.path,
            sha256=corpus.sha256,
            characters=len(corpus.text),
            floor=corpus.floor,
        ),
        vocab_size=tokenizer.vocab_size,
        parameters=count_parameters(outline(plan, tokenizer.vocab_size)),
        tokens_per_step=plan.tokens_per_step(train_tokens),
        baselines=baselines,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    with explained(directory):
        (directory / "snapshots").mkdir(parents=True, exist_ok=True)
        write_json(directory / "tokenizer.json", tokenizer.to_json())
        pairs = torch.from_numpy(counted_pairs.astype(np.float32))
        write_tensors(directory / "counted.safetensors", {"pairs": pairs}, {})
        (directory / "metrics.jsonl").write_bytes(b"")
        write_status(directory, "running", 0)
        write_json(directory / "run.json", record.model_dump())  # last: now it is a run
    return Run(directory, record, plan)


class Recorder:
    """Writes a run's events into its directory. Append-only, or atomic; `RunProblem` on a full disk."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.step = run.status()[2]
        with explained(run.directory):  # line by line, so that a paused run shows its last step
            self._metrics = run.metrics_path.open("a", buffering=1, encoding="utf-8")

    def write(self, event: Event) -> None:
        """Put one event on disk."""
        with explained(self.run.directory):
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
        write_status(self.run.directory, status, self.step, reason)

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        with contextlib.suppress(OSError):
            self._metrics.close()

    def _line(self, **record: Any) -> None:
        self._metrics.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")

    def _checkpoint(self, event: Checkpoint) -> None:
        self.step = event.step
        directory = self.run.directory
        snapshot = self.run.snapshot_path(event.step)
        if event.replay and not snapshot.exists():  # the weights after a step are always the same
            write_tensors(snapshot, event.weights, {"step": str(event.step)})
            self._line(type="snapshot", step=event.step)
        tensors = {f"weights/{name}": tensor for name, tensor in event.weights.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in event.optimizer.items()}
        metadata = {
            "step": str(event.step),
            "evaluated": str(event.evaluated),
            "sampled": str(event.sampled),
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
    the loss diverges, the disk is full or the program has a fault it is failed, with the reason. What was
    written stays.
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
    except (GeneratorExit, KeyboardInterrupt):
        recorder.status("stopped")
        raise
    except Exception as error:
        fault = f"Training met a fault of the program: {error!r}."
        with contextlib.suppress(RunProblem):
            recorder.status("failed", str(error) if isinstance(error, Problem) else fault)
        raise
    finally:
        events.close()
        recorder.close()


def rewind(run: Run) -> Checkpoint:
    """Prepare a run to be resumed: forget what was written after its last checkpoint, and return that."""
    checkpoint, written = run.checkpoint()
    if not run.metrics_path.exists() or run.metrics_path.stat().st_size < written:
        raise RunProblem(f"{run.directory} is damaged: metrics.jsonl has been cut short.")
    run.metrics()  # a damaged file is left as it is
    with explained(run.directory):
        os.truncate(run.metrics_path, written)
        for step in run.snapshots():
            if step > checkpoint.step:
                run.snapshot_path(step).unlink()
    write_status(run.directory, "stopped", checkpoint.step)
    return checkpoint


def write_status(directory: Path, status: Status, step: int, reason: str | None = None) -> None:
    """Replace status.json. `RunProblem` on a full or read-only disk."""
    with explained(directory):
        write_json(directory / "status.json", {"status": status, "reason": reason, "step": step})
