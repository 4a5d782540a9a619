"""The queue of runs that wait for a core: who comes next, about when, and who is refused.

Functions of the runs, which the supervisor holds.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from lm.wording import duration
from playground.runs.run_view import RunView
from playground.serving.limits import Limits
from playground.serving.visitors import Visitor, over
from playground.training.supervised import Supervised


def fair_order(runs: Iterable[Supervised]) -> list[Supervised]:
    """The runs of the queue in the order in which they get a core.

    First come, first served, but everybody's first run comes before anybody's second: a run that a visitor has
    in training counts as their first. Runs without a visitor count as those of one.
    """
    runs = list(runs)
    before = Counter(_share(run) for run in runs if run.holds_core)
    ranked = []
    for run in sorted((run for run in runs if run.waits), key=lambda run: run.queued_at):
        ranked.append((before[_share(run)], run.queued_at, run))
        before[_share(run)] += 1
    return [run for *_, run in sorted(ranked, key=lambda entry: entry[:2])]


def _share(run: Supervised) -> str:
    return run.visitor.name or run.visitor.address


def next_run(runs: Sequence[Supervised], cores: int, limits: Limits) -> Supervised | None:
    """The run that gets a core now; None if all are taken, or nobody waits who may have one more."""
    holders = [run for run in runs if run.holds_core]
    if len(holders) >= cores:
        return None
    for run in fair_order(runs):
        if not over(run.visitor, (other.visitor for other in holders), limits.visitor_running):
            return run
    return None


def is_full(visitor: Visitor, waiting: Sequence[Visitor], limits: Limits) -> bool:
    """Whether the queue, in which these wait, a visitor for each run, has no further place for a visitor."""
    return len(waiting) >= limits.queued_runs or over(visitor, waiting, limits.visitor_queued)


def refusal(waiting: int, limits: Limits, soonest: float | None) -> str:
    """The sentence for a visitor for whom the queue is full.

    soonest: predicted seconds until a run leaves the queue, if they are known.
    """
    when = "a while" if soonest is None else f"about {duration(rough(soonest))}"
    if waiting >= limits.queued_runs:
        return f"The queue is full, {waiting} runs wait already: try again in {when}."
    return (
        f"{limits.visitor_queued} of your runs wait already, and more would keep others waiting: stop one "
        f"of them, or try again in {when}."
    )


def forecast(
    runs: Iterable[Supervised], cores: int, left: Callable[[RunView], float | None]
) -> dict[Supervised, float | None]:
    """Predicted seconds until each run of the queue gets a core, in the queue's order.

    left: predicted seconds of training that are left of a run, if they are known. For an unknown one the mean
    of the others stands; if all are unknown, nothing is predicted.
    """
    runs = list(runs)
    queue = fair_order(runs)
    training = [left(run.view) if run.status != "paused" else 0.0 for run in runs if run.holds_core]
    waiting = [left(run.view) for run in queue]
    known = [seconds for seconds in (*training, *waiting) if seconds]
    if not known:
        return dict.fromkeys(queue)
    usual = mean(known)
    # Seconds until each core is free.
    free = [usual if seconds is None else seconds for seconds in training]
    free += [0.0] * (cores - len(free))
    heapq.heapify(free)
    predicted: dict[Supervised, float | None] = {}
    for run, seconds in zip(queue, waiting, strict=True):
        begins = heapq.heappop(free)
        predicted[run] = begins
        heapq.heappush(free, begins + (usual if seconds is None else seconds))
    return predicted


def rough(seconds: float) -> int:
    """Predicted seconds as a person should read them: in fives below a minute, above it with two digits."""
    return max(5, 5 * round(seconds / 5)) if seconds < 60 else int(float(f"{seconds:.2g}"))
