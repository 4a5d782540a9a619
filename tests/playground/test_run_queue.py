"""The queue's order, its predictions and its refusals, without a process."""

import pytest

from playground.serving.limits import Limits
from playground.serving.visitors import Visitor
from playground.training import run_queue
from playground.training.supervised import Supervised

ANN, BEN, CAY, DAN = (Visitor(name, f"10.0.0.{n}") for n, name in enumerate(("a", "b", "c", "d")))


class View:
    """A run of which only the seconds that are left matter."""

    def __init__(self, left: float | None = None) -> None:
        self.left = left


def queue_of(*visitors: Visitor, left=()) -> list[Supervised]:
    """Runs that wait, in the order of their arrival."""
    lefts = [*left, *[None] * len(visitors)]
    return [
        Supervised(View(lefts[n]), None, False, visitor, queued_at=n)  # type: ignore[arg-type]
        for n, visitor in enumerate(visitors)
    ]


def training(visitor: Visitor = DAN, left: float | None = None, status="running") -> Supervised:
    view = View(left)
    return Supervised(view, None, False, visitor, status=status, holds_core=True)  # type: ignore[arg-type]


def predicted(runs, cores=2) -> list[float | None]:
    return list(run_queue.forecast(runs, cores, lambda view: view.left).values())


# The order


def test_of_one_visitor_the_first_comes_first():
    runs = queue_of(ANN, ANN, ANN)
    assert run_queue.fair_order(reversed(runs)) == runs


def test_everybodys_first_run_comes_before_anybodys_second():
    a1, a2, a3, b1, b2, c1 = queue_of(ANN, ANN, ANN, BEN, BEN, CAY)
    assert run_queue.fair_order([a1, a2, a3, b1, b2, c1]) == [a1, b1, c1, a2, b2, a3]


def test_a_run_in_training_counts_as_the_first():
    a2, b1, c1 = queue_of(ANN, BEN, CAY)
    assert run_queue.fair_order([training(ANN), a2, b1, c1]) == [b1, c1, a2]


def test_a_browser_without_a_cookie_is_known_by_its_address():
    one, other, ann = queue_of(Visitor("", "10.0.0.9"), Visitor("", "10.0.0.9"), ANN)
    assert run_queue.fair_order([one, other, ann]) == [one, ann, other]


def test_a_run_that_is_being_stopped_waits_no_more():
    first, second = queue_of(ANN, ANN)
    first.stopping_since = 1.0
    assert run_queue.fair_order([first, second]) == [second]


def test_who_has_as_many_cores_as_allowed_is_passed_over():
    limits = Limits(visitor_running=1)
    a2, b1 = queue_of(ANN, BEN)
    assert run_queue.next_run([training(ANN), a2, b1], 3, limits) is b1
    assert run_queue.next_run([training(ANN), a2], 3, limits) is None
    assert run_queue.next_run([training(ANN), a2], 3, Limits()) is a2
    assert run_queue.next_run([training(BEN), training(CAY), a2], 2, Limits()) is None


# Predictions


def test_each_waits_for_the_core_that_is_free_first():
    """30 s and 50 s are left on two cores; the queue takes 40, 10 and 10 s."""
    queue = queue_of(ANN, BEN, CAY, left=[40.0, 10.0, 10.0])
    assert predicted([training(left=30.0), training(left=50.0), *queue]) == [30, 50, 60]


def test_an_unknown_run_takes_as_long_as_the_others_on_average():
    queue = queue_of(ANN, BEN, left=[None, None])
    assert predicted([training(left=20.0), training(left=40.0), *queue]) == [20, 40]
    assert predicted([training(left=None), training(left=40.0), *queue]) == [40, 40]


def test_a_paused_run_with_a_core_completes_one_step_and_leaves():
    assert predicted([training(left=900.0, status="paused"), *queue_of(ANN, left=[5.0])], 1) == [0]


def test_nothing_is_predicted_of_unknown_runs():
    assert predicted([training(), *queue_of(ANN, BEN)], 1) == [None, None]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, 5), (7.4, 5), (43, 45), (59, 60), (87, 87), (1234, 1200)]
)
def test_predicted_seconds_are_rough(seconds, told):
    assert run_queue.rough(seconds) == told


# Refusals


@pytest.mark.parametrize(
    ("waiting", "full"),
    [
        ([ANN], False),
        ([ANN, ANN], True),  # her own share
        ([BEN, BEN, CAY], False),
        ([BEN, BEN, CAY, CAY], True),  # the whole queue
    ],
)
def test_the_queue_is_full_for_one_visitor_or_for_all(waiting, full):
    limits = Limits(queued_runs=4, visitor_queued=2)
    assert run_queue.is_full(ANN, waiting, limits) == full


def test_a_refusal_tells_the_number_and_when_to_try():
    limits = Limits(queued_runs=4, visitor_queued=2)
    assert run_queue.refusal(4, limits, 78.0) == (
        "The queue is full, 4 runs wait already: try again in about 1 min 18 s."
    )
    assert run_queue.refusal(2, limits, None) == (
        "2 of your runs wait already, and more would keep others waiting: stop one of them, or try again "
        "in a while."
    )
