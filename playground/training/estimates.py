"""Predicted seconds of a run, by timing: a process trains the plan for a moment (`timing_worker.py`).

It does so only while no run trains; of the requests for one rung only the newest counts. A timing that other
work disturbed is repeated, and the pace of a later run of this server replaces it.
"""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from weakref import WeakKeyDictionary

from lm.plan import Plan
from lm.runs.preparation import PreparedText
from playground.runs.run_view import RunView
from playground.training import processes
from playground.training.supervisor import Supervisor
from playground.training.timing_worker import STEPS, Costs, work

KEPT = 256  # timings
DEBOUNCE, REPEAT = 2.0, 20.0  # seconds before a request is served, and between two timings
REAPED = 2.0  # seconds until the exit status of a process that has ended is known
ALIKE = 1.3  # if a run's pace differs from the timing by a larger factor, one of them was disturbed
FREE = {  # settings on which the costs do not depend
    *("steps", "evaluate_every", "seed", "learning_rate", "muon_learning_rate", "warmup_steps"),
    *("decay", "hold", "final_learning_rate", "beta2", "weight_decay", "gradient_clip"),
}

_log = logging.getLogger(__name__)


class Estimates:
    """Answers at once, and has unknown plans timed, one after the other: ask again in some seconds."""

    def __init__(self, supervisor: Supervisor, worker: Callable[..., None] = work) -> None:
        self._supervisor, self._worker = supervisor, worker
        self._costs: dict[Hashable, Costs] = {}  # the most recently used last
        # The latest request of each rung, by its name, the newest last.
        self._wanted: dict[str, tuple[Hashable, Plan, PreparedText]] = {}
        self._keys: WeakKeyDictionary[RunView, Hashable] = WeakKeyDictionary()
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None  # while there are requests

    def of(self, plan: Plan, text: PreparedText) -> tuple[float | None, bool]:
        """Seconds of a run (None: not known yet; NaN: it cannot be trained), and whether they are final."""
        key = _key(plan, len(text.corpus.text), text.tokenizer.vocab_size)
        with self._lock:
            costs = self._costs.pop(key, None)
            if costs is not None:
                costs = self._costs[key] = self._with_pace(key, costs)
            if _is_due(costs):
                self._wanted.pop(plan.rung.name, None)
                self._wanted[plan.rung.name] = (key, plan, text)
                if self._thread is None and not self._closed.is_set():
                    self._thread = threading.Thread(target=self._serve, daemon=True)
                    self._thread.start()
        return (None, False) if costs is None else (costs.of_run(plan), costs.quiet)

    def left(self, view: RunView) -> float | None:
        """Predicted seconds of training that are left of a run of this server; None if nothing is known of it.

        Takes no lock: the supervisor asks while it holds its own.
        """
        plan = view.run.plan
        costs = self._costs.get(self._key_of(view), Costs())
        if view.step >= STEPS:
            costs = replace(costs, step=_pace(view))
            if math.isnan(costs.evaluation):
                costs = replace(costs, evaluation=0.0, sample=0.0)
        seconds = costs.of_run(plan) * (1 - view.step / plan.steps)
        return None if math.isnan(seconds) else seconds

    def close(self) -> None:
        """Break off the timing under way."""
        self._closed.set()
        if (thread := self._thread) is not None:
            thread.join(0.5)

    def _with_pace(self, key: Hashable, costs: Costs) -> Costs:
        """The costs with the pace of the newest run that has the same, if they are older."""
        for view in self._supervisor.views():
            if key == self._key_of(view) and view.step >= STEPS:
                with contextlib.suppress(OSError):  # its directory was deleted
                    when = view.run.metrics_path.stat().st_mtime
                    pace = _pace(view)
                    if when > costs.when:
                        quiet = costs.quiet and 1 / ALIKE < pace / costs.step < ALIKE
                        costs = replace(costs, step=pace, quiet=quiet, when=when)
        return costs

    def _key_of(self, view: RunView) -> Hashable:
        """The key of a run. It takes half a millisecond to make, and is asked for with every poll."""
        if view not in self._keys:
            record = view.run.record
            self._keys[view] = _key(view.run.plan, record.corpus.characters, record.vocab_size)
        return self._keys[view]

    def _serve(self) -> None:
        while not self._closed.wait(DEBOUNCE):
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                if self._supervisor.running():
                    continue
                key, plan, text = self._wanted.popitem()[1]
                if not _is_due(self._costs.get(key)):  # asked for again while it was timed
                    continue
            try:
                costs = self._time(plan, text)
            except Exception:  # the last line of defence: the other plans need this thread
                _log.exception("Timing a plan met a fault of the program")
                costs = Costs(quiet=False, when=time.time())  # it is tried again in a while
            with self._lock:
                if costs is not None:
                    self._costs[key] = costs
                while len(self._costs) > KEPT:
                    del self._costs[next(iter(self._costs))]

    def _time(self, plan: Plan, text: PreparedText) -> Costs | None:
        """Have a process time one plan; breaks off when a run begins, and then has no answer."""
        machine = self._supervisor.cores, self._supervisor.device  # as of a run that trains alone
        process, pipe = processes.start(self._worker, *machine, plan, text.corpus, text.tokenizer)
        with pipe, contextlib.suppress(EOFError, OSError):  # it died: the plan is too large, say
            while not pipe.poll(0.05):
                if self._closed.is_set() or self._supervisor.running():
                    process.kill()
                    return None
            costs: Costs = pipe.recv()
            return costs
        process.join(REAPED)
        if process.exitcode == -signal.SIGALRM:  # other work held it up
            return Costs(quiet=False, when=time.time())
        return Costs()


def _is_due(costs: Costs | None) -> bool:
    """Whether a plan is to be timed: it is unknown, or other work disturbed its timing some time ago."""
    return costs is None or (not costs.quiet and time.time() > costs.when + REPEAT)


def _pace(view: RunView) -> float:
    """Seconds per step of a run so far; NaN if it has none, as while it is read anew."""
    steps, seconds = view.train["step"], view.train["seconds"]
    return seconds[-1] / steps[-1] if steps and seconds else math.nan


def _key(plan: Plan, characters: int, vocab_size: int) -> Hashable:
    """All that the costs of a plan on a text depend on."""
    settings = frozenset((name, v) for name, v in plan.values().items() if name not in FREE)
    return plan.rung.name, settings, characters, vocab_size
