"""A run as the page sees it: the tail of its metrics file, as columns for the chart.

The training process is not asked. One `RunView` for each run directory reads the lines that were appended
since its last read, so any number of browsers cost one read.
"""

import contextlib
import math
import threading
import time
from typing import Any

from lm import runs
from lm.errors import RunProblem
from lm.interchange import chat
from lm.runs import going_on
from lm.tasks import KINDS
from playground.figures import loss as loss_figure
from playground.figures import loss_words, right_words, tuning_words

CHART_POINTS = 4000  # of the longest train curve that is sent; longer runs are averaged down to it
MOST_EVENTS = 1000  # that are sent at once; a page asks for the rest with its next polls
PATIENCE = 0.5  # seconds that a page waits for the reading of a long run; its curve grows meanwhile
PIECE = 1 << 22  # bytes of a metrics file that are read at once
NUMBERS = {  # the numbers that the page draws from a record, besides its step
    "step": ("loss", "seconds"),
    "evaluation": ("loss", "seconds"),
    "learning_rate": ("learning_rate",),
}


DEEP = 6  # layers, from which on the length of the gradient in each is shown


class RunView:
    """The columns and events of one run directory, kept up to date by `refresh`."""

    def __init__(self, run: runs.Run) -> None:
        self._lock = threading.RLock()  # several browsers may ask at once
        self._take(run)

    def reopen(self) -> None:
        """Read the run anew: its process has written another number of steps before the first one."""
        with self._lock:
            self._take(runs.open_run(self.run.directory))

    def _take(self, run: runs.Run) -> None:
        self.run = run
        self.steps = run.plan.steps
        self.steps_per_point = max(1, math.ceil(self.steps / CHART_POINTS))
        values = run.plan.values()
        layers = values.get("n_layer", 1)
        self._deep = layers >= DEEP or (layers > 1 and values.get("residual_path") is False)
        self.chat = chat.has_template(run)
        self._forget()

    def _forget(self) -> None:
        self.train: dict[str, list[float]] = {"step": [], "loss": [], "smooth": [], "seconds": []}
        self.events: list[dict[str, Any]] = []
        self.step = 0
        self.best: float | None = None
        self.right: float | None = None  # of pairs: the share exactly right at the last evaluation
        # The loss on the whole text has no noise to smooth away.
        self._smoother = loss_figure.Smoother(
            loss_figure.SMOOTHING if self.run.plan.training.noisy else 0.0
        )
        self._waiting: list[float] = []  # losses not yet averaged into a point
        self._read = 0  # bytes of metrics.jsonl read so far
        self._tail = b""  # the last of these bytes

    def refresh(self, seconds: float = math.inf) -> None:
        """Read the lines that were appended, or the whole file again if the run was rewound.

        seconds: after which the rest is left for the next time. `RunProblem` if the file is damaged.
        """
        until = time.monotonic() + seconds
        with self._lock:
            if self._ending() != self._tail:
                self._forget()
            while self._read_piece() and time.monotonic() < until:
                pass
            self._tail = self._ending()

    def _read_piece(self) -> bool:
        """Read some megabytes of lines: a run of a million steps has a hundred. False at the end."""
        begin, path = self._read, self.run.metrics_path
        records, self._read = runs.read_metrics(path, begin, begin + PIECE)
        for record in records:
            try:
                self._add(record)
            except (KeyError, TypeError, ValueError):
                self._forget()
                raise RunProblem(
                    f"{path} is damaged: {record!r} is not a record of a run."
                ) from None
        return self._read - begin > PIECE // 2  # what is missing to the whole is part of a line

    def _ending(self) -> bytes:
        """The last of the bytes read so far, as they are in the file now."""
        with contextlib.suppress(OSError), self.run.metrics_path.open("rb") as file:
            file.seek(max(0, self._read - 100))
            return file.read(min(100, self._read))
        return b""

    def _add(self, record: dict[str, Any]) -> None:
        for name in ("step", *NUMBERS.get(record["type"], ())):
            if not math.isfinite(record[name]):
                raise ValueError(name)
        if record["type"] != "step":
            self.events.append(record)
            if record["type"] == "evaluation":
                self.best = min(record["loss"], self.best or math.inf)
                self.right = _scores(record).get("exact", self.right)
            return
        self.step = record["step"]
        if self._deep and "layer_norms" in record:
            layers = record["layer_norms"]
            if not layers or not all(math.isfinite(norm) for norm in layers):
                raise ValueError("layer_norms")
            self.events.append({"type": "gradient", "step": self.step, "layers": layers})
        self._waiting.append(record["loss"])
        smooth = self._smoother.add(record["loss"])
        due = self.step % self.steps_per_point == 0 or self.step == self.steps
        if due or self.step == 1:  # the first step is shown at once
            self.train["step"].append(self.step)
            self.train["loss"].append(round(sum(self._waiting) / len(self._waiting), 4))
            self.train["smooth"].append(round(smooth, 4))
            self.train["seconds"].append(round(record["seconds"], 3))
        if due:
            self._waiting.clear()

    def evaluations(self) -> dict[str, list[Any]]:
        """The validation curve as columns; "train" is the loss on training text, None of older runs."""
        found = [event for event in self.events if event["type"] == "evaluation"]
        columns = {name: [event[name] for event in found] for name in ("step", "loss", "seconds")}
        return columns | {"train": [event.get("train_loss") for event in found]}

    def tokens_per_second(self) -> float | None:
        """The speed over the last points of the train curve, without evaluations and pauses."""
        steps, seconds = self.train["step"][-40:], self.train["seconds"][-40:]
        if len(steps) < 2 or seconds[-1] <= seconds[0]:
            return None
        return (steps[-1] - steps[0]) / (seconds[-1] - seconds[0]) * self.run.record.tokens_per_step

    def summary(self, ended: bool) -> str:
        """One sentence on the state of the run."""
        record = self.run.record
        if self.elsewhere:
            return f"{record.note}. Others trained it, on texts that are not here."
        sentence = loss_words.summary(
            validation=self.evaluations(),
            train_now=self.train["smooth"][-1] if self.train["smooth"] else None,
            baselines=self._compared_with(),
            floor=record.corpus.floor,
            ended=ended,
            passes=record.passes(self.step),
            sees_answers=self.run.plan.values().get("causal_mask") is False,
        )
        if self.pairs:
            told = [event["scores"] for event in self.events if event.get("scores")]
            sentence = right_words.summary(told, sentence)
        read = [event.get("characters") for event in self.events if event["type"] == "evaluation"]
        part = (
            f" The validation text is long: its loss is that of {read[-1]:,} characters, spread evenly over it."
            if read and isinstance(read[-1], int)
            else ""
        )
        tuned = ""
        if record.base is not None:
            judged = [event for event in self.events if event["type"] == "evaluation"]
            tuned = f" {tuning_words.told(record.base, judged)}".rstrip()
        changed = [f" {going_on.in_words(change, self.steps)}" for change in record.changes[-1:]]
        return f"{record.corpus.title}: {sentence[0].lower()}{sentence[1:]}{part}{tuned}{''.join(changed)}"

    def _compared_with(self) -> dict[str, float]:
        """The counted losses that the words compare with: of pairs, whose answers alone are counted, ln V."""
        known = self.run.record.baselines
        return {n: loss for n, loss in known.items() if n == "uniform"} if self.pairs else known

    def answer(
        self, status: str, reason: str | None, start: int = 0, start_events: int = 0
    ) -> dict[str, Any]:
        """The answer to a poll: the points after `start` and the events after `start_events`.

        A start past the end (of another run, or of one that was rewound) is answered from the beginning.
        """
        with self._lock:
            self.refresh(PATIENCE)
            start = start if 0 <= start <= len(self.train["step"]) else 0
            start_events = start_events if 0 <= start_events <= len(self.events) else 0
            live = status in ("running", "paused", "starting")
            speed = self.tokens_per_second() if live else None
            per_step = self.run.record.tokens_per_step
            return {
                "status": status,
                "reason": reason,
                "step": self.step,
                "steps": self.steps,
                "pairs": self.pairs,
                "tokens_per_second": speed,
                "seconds_left": (self.steps - self.step) * per_step / speed if speed else None,
                "tokens_per_step": per_step,
                "summary": self.summary(status in ("finished", "stopped", "failed")),
                "from": start,
                "train": {name: column[start:] for name, column in self.train.items()},
                "from_events": start_events,
                "events": self.events[start_events : start_events + MOST_EVENTS],
                "best": self.best,
                "chat": self.chat,
                "elsewhere": self.elsewhere,
                "base": tuning_words.title_of(base) if (base := self.run.record.base) else None,
            }

    def chart(self) -> dict[str, Any]:
        """The empty loss chart of this run, with its baselines, for the feed to fill."""
        record = self.run.record
        if self.elsewhere:
            return loss_figure.blank(self.steps, of_pairs=False)
        return loss_figure.empty(
            self.steps,
            record.baselines.get("uniform", math.log(record.vocab_size)),
            record.baselines,
            record.corpus.floor,
            record.known_right if self.pairs else None,
        )

    @property
    def elsewhere(self) -> bool:
        """Whether it is a model that others trained, and that has not been trained here."""
        return self.run.record.trained_elsewhere and not self.run.plan.start.tunes

    @property
    def pairs(self) -> bool:
        """Whether the run learns to rewrite lines."""
        return KINDS[self.run.plan.task.task].pairs


def _scores(record: dict[str, Any]) -> dict[str, float]:
    """The scores of an evaluation, {} of a text; `ValueError` if they are damaged."""
    scores = record.get("scores", {})
    if not isinstance(scores, dict) or not all(math.isfinite(one) for one in scores.values()):
        raise ValueError("scores")
    return scores
