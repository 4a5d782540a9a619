"""Writing a run directory, which `run.py` reads: its beginning, its events, its end.

Files are replaced whole or appended to (`files.py`), so that a crash leaves either the old state or the new
one. One process at a time writes (`lock.py`).
"""

import contextlib
import datetime
import math
import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm import corpora, tokenizers
from lm.atomic import remove_leftovers
from lm.costs.sizes import count_parameters, outline, trained_parameters
from lm.errors import Diverged, Problem, RunProblem
from lm.plan import Plan
from lm.runs import checksums
from lm.runs.files import explained, last_record, read_metrics, write_json, write_tensors
from lm.runs.format import FORMAT, BaseRecord, Change, CorpusRecord, RunRecord, Status
from lm.runs.lock import WriterLock
from lm.runs.run import Run, Written, identity
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
    corpus: corpora.AnyCorpus,
    tokenizer: tokenizers.Tokenizer,
    *,
    train_tokens: int,
    baselines: dict[str, float],
    row_tokens: float | None = None,
    pass_tokens: int | None = None,
    known_right: dict[str, float] | None = None,
    base: BaseRecord | None = None,
) -> Run:
    """Make a new run directory. `RunProblem` if there is a run in it, or it cannot be written.

    The lock is let go again: the process that records the run takes it (`record`).

    train_tokens: the length of the training split. baselines: the losses of counting, by name, in nats per
    character. row_tokens: predictions of a row of a batch, if they are not those of a window of the context.
    Of pairs, pass_tokens: predictions of one pass over those to learn from; known_right: the shares of held-out
    lines that are exactly right without learning. base: the run that is started from.
    """
    per_step = plan.tokens_per_step(train_tokens)
    if row_tokens is not None:
        per_step = round(per_step * row_tokens / plan.context_length)
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
            characters=corpus.characters,
            floor=corpus.floor,
        ),
        vocab_size=tokenizer.vocab_size,
        tokenizer_checksum=checksums.of_json(tokenizer.to_json()),
        parameters=count_parameters(outline(plan, tokenizer.vocab_size)),
        tokens_per_step=per_step,
        train_tokens=train_tokens,
        baselines=baselines,
        pass_tokens=pass_tokens,
        known_right=known_right or {},
        base=base,
        trained=(
            trained_parameters(plan, tokenizer.vocab_size, base.vocab_size)
            if base is not None and plan.start.keeps
            else None
        ),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    with explained(directory):
        (directory / "snapshots").mkdir(parents=True, exist_ok=True)
    with WriterLock(directory), explained(directory):
        if any((directory / name).exists() for name in ("run.json", "resume.safetensors")):
            raise RunProblem(
                f"{directory} already holds a run: choose another folder, or --resume it."
            )
        write_json(directory / "tokenizer.json", tokenizer.to_json(), with_checksum=False)
        (directory / "metrics.jsonl").write_bytes(b"")
        write_status(directory, "stopped", 0)
        write_json(directory / "run.json", record.model_dump())  # last: now it is a run
    return Run(directory, record, plan)


class Recorder:
    """Writes a run's events into its directory. Append-only, or atomic; `RunProblem` on a full disk.

    Only the process that holds the lock may make one.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        with explained(run.directory):
            for folder in (run.directory, run.directory / "snapshots"):
                remove_leftovers(folder, older_than=None)
            self._metrics = run.metrics_path.open("ab")
        self.step = run.status()[2]
        size = run.metrics_path.stat().st_size
        written = _beginning(run, size)
        self._checksum, self._last = checksums.of_bytes(written), checksums.at_end(written)
        self._evaluated: Evaluated | None = None  # the last one
        best = run.best()
        self._lowest = best["loss"] if best else math.inf  # validation loss of a snapshot
        self._only_best = self._without_reason(best)  # a snapshot that is kept for no other reason

    def _without_reason(self, best: dict[str, Any] | None) -> int | None:
        """The step of the best snapshot if it is kept for its loss alone; other such ones are deleted."""
        noted = {line["step"] for line in self.run.metrics() if line["type"] == "snapshot"}
        for step in self.run.snapshots():
            if step not in noted and (best is None or step != best["step"]):
                self.run.snapshot_path(step).unlink(missing_ok=True)
        return best["step"] if best and best["step"] not in noted else None

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
                    **_layer_norms(event),
                )
            elif isinstance(event, Evaluated):
                self._evaluated = event
                self._line(
                    type="evaluation",
                    step=event.step,
                    loss=event.loss,
                    bits_per_char=event.bits_per_char,
                    seconds=round(event.seconds, 4),
                    **({} if event.characters is None else {"characters": event.characters}),
                    **({} if event.train_loss is None else {"train_loss": event.train_loss}),
                    **({} if event.old_loss is None else {"old_loss": event.old_loss}),
                    **({"scores": dict(event.scores)} if event.scores else {}),
                )
            elif isinstance(event, Sample):
                self._line(type="sample", step=event.step, text=event.text)
            elif isinstance(event, LearningRateChanged):
                self._line(type="learning_rate", step=event.step, learning_rate=event.learning_rate)
            elif isinstance(event, Checkpoint):
                self._checkpoint(event)

    def note_changes(self) -> None:
        """Write down what was changed before the run went on; a learning rate also as when it is steered."""
        with explained(self.run.directory):
            for change in pending(self.run):
                told = change.model_dump(mode="json")
                self._line(type="changed", **told)
                if "learning_rate" in change.settings:
                    rate = change.settings["learning_rate"][1]
                    self._line(type="learning_rate", step=change.step, learning_rate=rate)

    def status(self, status: Status, reason: str | None = None) -> None:
        """Say what has become of the run."""
        write_status(self.run.directory, status, self.step, reason)

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        with contextlib.suppress(OSError):
            self._metrics.close()

    def _line(self, **record: Any) -> None:
        line = checksums.as_line(record, self._last)
        self._last = checksums.at_end(line)
        self._metrics.write(line)
        self._metrics.flush()  # line by line, so that a paused run shows its last step
        self._checksum = checksums.of_bytes(line, self._checksum)

    def _checkpoint(self, event: Checkpoint) -> None:
        """Write the snapshot, if this one is kept, and the file to resume from."""
        self.step = event.step
        snapshot = self.run.snapshot_path(event.step)
        new = not snapshot.exists()  # the weights after a step are always the same
        evaluated = self._evaluated
        best = (
            evaluated is not None and evaluated.step == event.step and evaluated.loss < self._lowest
        )
        if new and (event.replay or best):
            write_tensors(snapshot, event.weights, {"step": str(event.step)})
        if event.replay and (new or event.step == self._only_best):
            self._line(type="snapshot", step=event.step)
            self._only_best = None if event.step == self._only_best else self._only_best
        self._write_resume(event)
        if best and evaluated is not None:
            if self._only_best is not None:
                self.run.snapshot_path(self._only_best).unlink(missing_ok=True)
            self._lowest = evaluated.loss
            self._only_best = event.step if new and not event.replay else None

    def _write_resume(self, event: Checkpoint) -> None:
        # Without this, a power cut could leave fewer lines than are counted here.
        os.fsync(self._metrics.fileno())
        tensors = {f"weights/{name}": tensor for name, tensor in event.weights.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in event.optimizer.items()}
        metadata = {
            "step": str(event.step),
            "evaluated": str(event.evaluated),
            "sampled": str(event.sampled),
            "seconds": repr(event.seconds),
            "learning_rate": repr(event.learning_rate),
            "metrics_bytes": str(self.run.metrics_path.stat().st_size),
            "metrics_checksum": self._checksum,
        }
        write_tensors(self.run.directory / "resume.safetensors", tensors, metadata)


def _layer_norms(event: Step) -> dict[str, Any]:
    """Those of a step, if it has any, with four digits."""
    norms = [float(f"{norm:.4g}") for norm in event.layer_norms]
    return {"layer_norms": norms} if norms else {}


def record(
    run: Run, events: Generator[Event, Command | None, None], lock: WriterLock | None = None
) -> Generator[Event, Command | None, None]:
    """Pass a training run's events through, and commands back, writing everything down on the way.

    lock: that of the run, if the caller holds it; else it is taken, and let go at the end. `RunProblem` if
    another process trains the run. When the events end the run is finished; when the caller stops asking
    (`close()`) it is stopped; when the loss diverges, the disk is full or the program has a fault it is failed,
    with the reason. What was written stays.
    """
    try:
        if lock is None:
            with WriterLock(run.directory):
                yield from _recorded(run, events)
        else:
            yield from _recorded(run, events)
    finally:
        events.close()


def _recorded(
    run: Run, events: Generator[Event, Command | None, None]
) -> Generator[Event, Command | None, None]:
    """`record`, with the lock held."""
    recorder, command = Recorder(run), None
    try:
        recorder.status("running")
        recorder.note_changes()
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
    except Diverged as problem:
        told = Diverged(" ".join([str(problem), *_kept(run)]))
        with contextlib.suppress(RunProblem):
            recorder.status("failed", str(told))
        raise told from None
    except Exception as error:
        fault = f"Training met a fault of the program: {error!r}."
        with contextlib.suppress(RunProblem):
            recorder.status("failed", str(error) if isinstance(error, Problem) else fault)
        raise
    finally:
        events.close()
        recorder.close()


def _kept(run: Run) -> list[str]:
    """A sentence on the best snapshot of a run that diverged, with its loss; none if there is none.

    The loss of a snapshot is its validation loss or, if it was not evaluated, that of the next batch.
    """
    losses: dict[int, float] = {}
    for line in run.metrics():
        if line["type"] == "step":
            losses.setdefault(line["step"] - 1, line["loss"])  # of before the change
        elif line["type"] == "evaluation":
            losses[line["step"]] = line["loss"]
    known = {step: losses[step] for step in run.snapshots() if step in losses}
    if not known:
        return []
    best = min(known, key=known.__getitem__)
    return [
        f"The best snapshot that is kept is of step {best:,}, with a loss of {known[best]:.3g}."
    ]


def rewind(run: Run, lock: WriterLock | None = None) -> Checkpoint | None:
    """Prepare a run to be resumed: forget what was written after its last checkpoint, and return that.

    None: the run was ended before its first checkpoint, and begins at step 0. The checkpoint's learning rate is
    the one to go on with (`going_on.py`). lock: that of the run, if the caller holds it. `RunProblem` if
    another process trains the run, or it is damaged; then it is left as it is.
    """
    with WriterLock(run.directory) if lock is None else contextlib.nullcontext():
        checkpoint, written = (None, Written(0, None)) if unbegun(run) else run.checkpoint()
        if not run.metrics_path.exists() or run.metrics_path.stat().st_size < written.length:
            raise RunProblem(f"{run.directory} is damaged: metrics.jsonl has been cut short.")
        beginning = _beginning(run, written.length)
        if written.checksum not in (None, checksums.of_bytes(beginning)):
            run.metrics()  # names the line, if it is one
            raise RunProblem(
                f"{run.metrics_path} is damaged: it has changed since the run's last checkpoint. The run "
                "cannot be resumed; its snapshots can still be used."
            )
        read_metrics(run.metrics_path, end=written.length)
        step = checkpoint.step if checkpoint else 0
        with explained(run.directory):
            if run.metrics_path.stat().st_size > written.length:
                os.truncate(run.metrics_path, written.length)
            for later in run.snapshots():
                if later > step or checkpoint is None:
                    run.snapshot_path(later).unlink()
        write_status(run.directory, "stopped", step)
        if checkpoint is None:
            return None
        return replace(checkpoint, learning_rate=rate_of(checkpoint, pending(run)))


def pending(run: Run, end: int | None = None) -> list[Change]:
    """The changes with which a run goes on and that metrics.jsonl, up to byte `end`, does not tell of yet."""
    if not run.record.changes:
        return []
    lines, _ = read_metrics(run.metrics_path, end=end)
    known = sum(line["type"] == "changed" for line in lines)
    return list(run.record.changes[known:])


def rate_of(checkpoint: Checkpoint, changes: Sequence[Change]) -> float:
    """The peak of the learning rate with which a run goes on from a checkpoint."""
    rate = checkpoint.learning_rate
    for change in changes:
        rate = change.settings.get("learning_rate", (None, rate))[1]
    return rate


def unbegun(run: Run) -> bool:
    """Whether a run has no checkpoint because it was ended before its first step."""
    if (run.directory / "resume.safetensors").exists() or not run.metrics_path.exists():
        return False
    last = last_record(run.metrics_path)
    return not any(run.snapshots()) and (last is None or last["step"] == 0)


def _beginning(run: Run, length: int) -> bytes:
    """The first bytes of a run's metrics file."""
    with explained(run.directory), run.metrics_path.open("rb") as file:
        return file.read(length)


def write_status(directory: Path, status: Status, step: int, reason: str | None = None) -> None:
    """Replace status.json. `RunProblem` on a full or read-only disk.

    Of a run that has ended it also says how much there is, so that nobody misses what gets lost later.
    """
    contents: dict[str, Any] = {"status": status, "reason": reason, "step": step}
    with explained(directory):
        if status not in ("running", "paused"):
            contents["metrics_bytes"] = (directory / "metrics.jsonl").stat().st_size
            names = [path.stem for path in (directory / "snapshots").glob("*.safetensors")]
            contents["last_snapshot"] = max((int(n) for n in names if n.isdigit()), default=None)
        write_json(directory / "status.json", contents)


def note_end(run: Run, status: Status, reason: str | None) -> None:
    """Say what became of a run that no process trains.

    Does nothing if another process trains it by now, or another run was made in its place.
    """
    with contextlib.suppress(RunProblem), WriterLock(run.directory):
        if identity(run.directory) == run.identity:
            write_status(run.directory, status, run.status()[2], reason)
