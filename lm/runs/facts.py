"""What a list of runs tells of each: model, text, size, loss, time, status.

`listing.py` reads whole folders, `comparing.py` says what differs between two runs and what that bought.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lm import corpora
from lm.plan import Plan
from lm.runs import label
from lm.runs.curve import Curve, Judged
from lm.runs.format import BaseRecord, Change, CorpusRecord, Status
from lm.runs.run import Run

LIVE: tuple[Status, ...] = ("running", "paused")


@dataclass(frozen=True)
class Facts:
    """One run. Losses are nats per character over the validation split; seconds are those of training steps.

    text_key: the name of a built-in text, else "own:" and the beginning of its checksum, as in links.
    steps: planned. step: taken. judged: every evaluation, ascending. changes: what a person changed after the
    run had begun, so that its plan alone would make another run. base: the run that it started from. trained:
    of the parameters, those that are trained, if others are not. notice: about a label that cannot be used.
    """

    directory: Path
    identity: str | None
    model: str
    model_title: str
    name: str
    note: str
    recipe: str | None
    text: str
    text_key: str
    text_sha256: str
    text_characters: int
    vocab_size: int
    tokens: str
    parameters: int
    tokens_per_step: int
    step: int
    steps: int
    seconds: float
    judged: tuple[Judged, ...]
    status: Status
    reason: str | None
    created: str
    plan: Plan
    changes: tuple[Change, ...] = ()
    base: BaseRecord | None = None
    trained: int | None = None
    notice: str | None = None

    @property
    def title(self) -> str:
        """The name that a person gave, or that of the directory."""
        return self.name or self.directory.name

    @property
    def best(self) -> Judged | None:
        """The evaluation with the lowest loss."""
        return min(self.judged, key=lambda one: one.loss, default=None)

    @property
    def last(self) -> Judged | None:
        """The last evaluation."""
        return self.judged[-1] if self.judged else None

    @property
    def right(self) -> float | None:
        """Of a run on pairs, the share of held-out lines exactly right at the last evaluation."""
        return self.judged[-1].right if self.judged else None

    @property
    def tokens_seen(self) -> int:
        """Predictions that the steps so far have learned from."""
        return self.step * self.tokens_per_step

    @property
    def begun(self) -> Plan:
        """The plan that it began with, before it went on with other settings."""
        plan = self.plan
        for change in reversed(self.changes):
            undone = {n: old for n, (old, _) in change.settings.items() if n != "learning_rate"}
            plan = replace(plan, training=plan.training.model_copy(update=undone))
        return plan

    @property
    def live(self) -> bool:
        """Whether a process trains it now."""
        return self.status in LIVE

    @property
    def finished(self) -> bool:
        """Whether it has taken all its steps."""
        return self.status == "finished" and self.step >= self.steps

    @property
    def when(self) -> datetime.datetime | None:
        """When it began, in local time; None if run.json holds no date."""
        try:
            return datetime.datetime.fromisoformat(self.created).astimezone()
        except (ValueError, OverflowError, OSError):
            return None

    def to_json(self) -> dict[str, Any]:
        """The facts as plain data."""
        best, last = self.best, self.last
        return {
            "directory": str(self.directory),
            "model": self.model,
            "name": self.name,
            "note": self.note,
            "recipe": self.recipe,
            "text": self.text,
            "text_key": self.text_key,
            "tokens": self.tokens,
            "best_loss": best.loss if best else None,
            "best_step": best.step if best else None,
            "last_loss": last.loss if last else None,
            "last_step": last.step if last else None,
            "right": self.right,
            "parameters": self.parameters,
            "tokens_seen": self.tokens_seen,
            "seconds": self.seconds,
            "step": self.step,
            "steps": self.steps,
            "status": self.status,
            "reason": self.reason,
            "created": self.created,
            "base": self.base.title if self.base else None,
            "trained": self.trained,
            "old_loss": last.old if last else None,
            "settings": self.plan.values(),
            "changes": [change.model_dump() for change in self.changes],
        }


def facts(run: Run, curve: Curve | None = None) -> Facts:
    """The facts of a run as it is now. `RunProblem` if it is damaged.

    curve: of an earlier call, to read only the lines that were added since.
    """
    record, plan = run.record, run.plan
    curve = curve or Curve(run.metrics_path)
    status, reason, step = run.status()
    curve.refresh()
    words, notice = label.read(run.directory)
    changes = [*record.changes, *_steered(plan, record.changes, curve.rates)]
    return Facts(
        directory=run.directory,
        identity=run.identity,
        model=record.model,
        model_title=plan.rung.title,
        name=words.name,
        note=words.note or record.note,
        recipe=None if changes else record.recipe,
        text=record.corpus.title,
        text_key=text_key(record.corpus),
        text_sha256=record.corpus.sha256,
        text_characters=record.corpus.characters,
        vocab_size=record.vocab_size,
        tokens=vocabulary_in_words(plan, record.vocab_size),
        parameters=record.parameters,
        tokens_per_step=record.tokens_per_step,
        step=step,
        steps=plan.steps,
        seconds=curve.seconds,
        judged=tuple(curve.judged),
        status=status,
        reason=reason,
        created=record.created,
        plan=plan,
        changes=tuple(sorted(changes, key=lambda change: change.step)),
        base=record.base,
        trained=record.trained,
        notice=notice,
    )


def text_key(corpus: CorpusRecord) -> str:
    """The key of the text that a run learned from, whether or not it is to be had."""
    built_in = corpus.path is None and corpora.is_built_in(corpus.name)
    return corpus.name if built_in else f"own:{corpus.sha256[:24]}"


def vocabulary_in_words(plan: Plan, vocab_size: int) -> str:
    """The vocabulary of a plan in words: "65 characters", "1,024 BPE tokens", "512 unigram tokens"."""
    kind = plan.tokenizer.tokenizer
    if kind == "characters":
        return f"{vocab_size:,} characters"
    return f"{vocab_size:,} {'BPE' if kind == 'bpe' else kind} tokens"


def _steered(plan: Plan, went_on: Sequence[Change], rates: list[tuple[int, float]]) -> list[Change]:
    """The changes of the learning rate while the run trained, without those made when it went on."""
    if not rates:
        return []
    known = {(one.step, one.settings.get("learning_rate", (None, None))[1]) for one in went_on}
    rate, steered = plan.training.model_dump().get("learning_rate"), []
    for step, changed in rates:
        if (step, changed) not in known:
            steered.append(Change(step=step, settings={"learning_rate": (rate, changed)}))
        rate = changed
    return steered
