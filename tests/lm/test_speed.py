"""The prediction of training time: what is counted, not how long anything takes."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lm import speed
from lm.ladder import RUNGS
from lm.sizes import count_parameters
from lm.speed import (
    Machine,
    Rehearsal,
    Taken,
    Work,
    duration,
    measure,
    rehearsed,
    undisturbed,
    work_of,
)


@pytest.mark.parametrize("vocab_size", [23, 64, 65, 300])  # a batch has 64 tokens
def test_every_network_is_counted_as_torch_counts_it(network, tiny_plan, vocab_size):
    """Forward and backward; torch adds up what really is computed, if it is told to be exact."""
    plan = tiny_plan(network, batch_size=4)
    work = work_of(plan, vocab_size)
    model = network.model(plan.config, vocab_size)
    tokens = torch.zeros((4, plan.context_length), dtype=torch.long)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
    assert work.flops == counter.get_total_flops()
    assert work.parameters == count_parameters(model)
    assert work.operators > 0
    assert work.numbers > 0


def test_arithmetic_grows_with_the_batch_and_operators_do_not(network, tiny_plan):
    """Each row costs the same, beside what is done once: embeddings' tables, the optimiser."""
    few, some, many = (work_of(tiny_plan(network, batch_size=size), 23) for size in (4, 12, 20))
    assert many.flops - some.flops == some.flops - few.flops >= 0
    assert many.numbers - some.numbers == some.numbers - few.numbers > 0
    assert many.operators == few.operators
    assert many.parameters == few.parameters


@pytest.mark.parametrize("vocab_size", [23, 300])
def test_what_is_read_does_not_depend_on_the_batch(network, tiny_plan, vocab_size):
    """An evaluation reads 4,096 tokens at once, whatever a step does: the products of one forward pass."""
    few, many = (work_of(tiny_plan(network, batch_size=size), vocab_size) for size in (32, 64))
    assert few.flops_read == pytest.approx(many.flops_read)
    model = network.model(tiny_plan(network).config, vocab_size)
    tokens = torch.zeros((4096 // 16, 16), dtype=torch.long)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(tokens)
    assert few.flops_read * 4096 == pytest.approx(counter.get_total_flops())


def test_products_of_the_bigram_are_counted_right(tiny_plan):
    """Forward 2 · V · C · V; backward the same twice, for the weights and for the input."""
    work = work_of(tiny_plan(RUNGS["bigram"], batch_size=4), 23)
    assert work.flops == 3 * 2 * 23 * 16 * 23


def test_more_layers_are_more_work(tiny_plan):
    one, two, three = (
        work_of(tiny_plan(RUNGS["decoder_transformer"], n_layer=n), 23) for n in (1, 2, 3)
    )
    for count in ("operators", "flops", "numbers", "parameters"):
        first, second, third = (getattr(work, count) for work in (one, two, three))
        assert third - second == second - first > 0  # each layer costs the same


def test_counting_leaves_the_random_numbers_alone(rung, tiny_plan):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    work_of(tiny_plan(rung, dropout=0.3), 23)
    assert torch.equal(torch.get_rng_state(), state)


def test_seconds_are_the_sum_of_what_each_part_costs():
    machine = Machine(1e-3, 1e-5, 1e-11, 1e-9, per_counted=0.0, per_looked_up=0.0)
    work = Work(operators=100, flops=1e9, numbers=1e6, parameters=1000)
    assert machine.seconds_per_step(work) == pytest.approx(1e-3 + 1e-3 + 1e-2 + 1e-3)


def test_a_run_costs_its_steps_and_its_evaluations(tiny_plan):
    """A step of 1,000 tokens takes 8 ms, a token read 1 µs; what steps cost besides is not read."""
    machine = Machine(2e-3, 1e-9, 1e-9, 1e-9, per_counted=1.0, per_looked_up=1.0)
    plan = tiny_plan(
        RUNGS["bigram"], steps=110, evaluate_every=20, batch_size=125, context_length=8
    )
    work = Work(0, 2e6, 4e6, 0, operators_read=100, flops_read=600, numbers_read=300)
    seconds = machine.seconds(plan, work, 50_000, 7_000)
    assert seconds == pytest.approx(110 * 8e-3 + 6 * 7_000 * 1e-6)


def test_a_run_that_counts_costs_what_it_counts_and_looks_up(counted, tiny_plan):
    """Twice the text to count, or to look up, costs that part twice; nothing is multiplied."""
    nothing = Work(0, 0.0, 0.0, 0)
    assert work_of(tiny_plan(counted), 23) == nothing
    counting = Machine(1.0, 0.0, 1.0, 1.0, per_counted=1e-6, per_looked_up=0.0)
    looking = Machine(1.0, 0.0, 1.0, 1.0, per_counted=0.0, per_looked_up=1e-6)
    plan = tiny_plan(counted, order=3)
    assert counting.seconds(plan, nothing, 50_000, 7_000) == pytest.approx(3 * 50_000e-6)
    less, more = (looking.seconds(plan, nothing, 50_000, n) for n in (7_000, 14_000))
    assert more - less == pytest.approx(
        7_000e-6 * (3 + 4 + 5)
    )  # orders 1, 2, 3, and what is besides


def test_a_rehearsal_scales_the_steps_and_adds_the_samples(tiny_plan):
    plan = tiny_plan(
        RUNGS["bigram"], steps=100, evaluate_every=20, batch_size=125, context_length=8
    )
    other = tiny_plan(RUNGS["decoder_transformer"])
    known = (Rehearsal(plan, 2.0, 3.0, 0.5), Rehearsal(other, 9.0, 9.0, 9.0))
    machine = Machine(0.0, 0.0, 1e-9, 0.0, 1.0, 1.0, known)
    seconds = machine.seconds(plan, Work(0, 3e6, 0.0, 0, flops_read=1e3), 50_000, 7_000)
    assert seconds == pytest.approx(100 * 6e-3 + 5 * 7_000 * 3e-6 + 6 * 0.5)


def test_this_machine_can_be_measured_and_each_network_rehearsed(tiny_plan):
    machine = measure()
    numbers = [number for number in vars(machine).values() if isinstance(number, float)]
    assert len(numbers) == 6
    assert min(numbers) > 0
    for network in RUNGS.values():
        plan = tiny_plan(network)
        if plan.training.learner == "gradient":
            machine = rehearsed(machine, plan, work_of(plan, 65))
            told = machine.rehearsals[-1]
            assert told.plan == plan
            assert min(told.step_ratio, told.reading_ratio, told.per_sample) > 0


class Clock:
    """Stands in for the module `time`: what passes, and how much of it this thread had its core."""

    now = here = 0.0

    def perf_counter(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.here

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def work(self, seconds: float, others: float) -> None:
        self.here += seconds
        self.now += seconds + others


def test_time_that_other_work_took_does_not_count(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    rounds = iter([(1.0, 0.5), (1.0, 0.0), (0.8, 9.0), (1.2, 0.1), (1.4, 0.0)])
    monkeypatch.setattr(speed, "PATIENCE", 60.0)
    assert undisturbed(lambda: clock.work(*next(rounds)), 3) == (pytest.approx(1.3), True)
    assert next(rounds, None) is None


def test_where_it_is_never_quiet_the_quickest_round_serves(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(speed, "PATIENCE", 6.0)
    rounds = iter([(1.0, 2.0), (1.0, 0.5), (1.0, 3.0)])
    assert undisturbed(lambda: clock.work(*next(rounds)), 3) == (pytest.approx(1.5), False)
    assert next(rounds, None) is None
    assert clock.now > speed.PATIENCE


def test_a_disturbed_sitting_counts_only_while_there_is_no_better(tiny_plan, monkeypatch):
    plan = tiny_plan(RUNGS["bigram"])
    work = work_of(plan, 65)
    machine = Machine(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    for taken, known in (
        (Taken(9.0, False), 9.0),
        (Taken(7.0, False), 7.0),
        (Taken(2.0, True), 2.0),
        (Taken(9.0, False), 2.0),
        (Taken(4.0, True), 3.0),
        (Taken(9.0, True), 5.0),
    ):
        monkeypatch.setattr(speed, "undisturbed", lambda action, enough, taken=taken: taken)
        machine = rehearsed(machine, plan, work)
        [told] = machine.rehearsals
        assert told.per_sample == pytest.approx(known)
        assert told.step_ratio == pytest.approx(known / machine.seconds_per_step(work))
        assert machine.knows(plan)


def test_only_what_was_rehearsed_can_be_told():
    bigram, decoder = RUNGS["bigram"].plan(), RUNGS["decoder_transformer"].plan()
    machine = Machine(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, (Rehearsal(bigram),))
    assert machine.knows(bigram)
    assert machine.knows(RUNGS["bigram"].plan(n_embd=64))
    assert machine.knows(RUNGS["ngram"].plan())
    assert not machine.knows(decoder)


def test_the_rehearsal_most_like_a_plan_predicts_it():
    decoder = RUNGS["decoder_transformer"]
    known = tuple(
        Rehearsal(decoder.plan(recipe.name), step_ratio=float(number))
        for number, recipe in enumerate(decoder.recipes, start=1)
    )
    machine, work = Machine(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, known), Work(0, 0.0, 0.0, 0)
    for number, recipe in enumerate(decoder.recipes, start=1):
        for changed in ({}, {"steps": 77}, {"n_embd": 64, "n_head": 2}, {"dropout": 0.4}):
            plan = decoder.plan(recipe.name, **changed)
            assert machine.seconds(plan, work, 1000, 100) == pytest.approx(number * plan.steps)
    bigram = RUNGS["bigram"].plan(steps=5)  # which nothing was rehearsed for
    assert machine.seconds(bigram, work, 1000, 100) == pytest.approx(5)


def test_a_time_is_said_as_a_person_would():
    said = [duration(s) for s in (0.2, 1, 59, 60, 95, 3599, 3600, 90_061)]
    assert said == [
        "a second",
        "1 s",
        "59 s",
        "1 min 0 s",
        "1 min 35 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]


def test_a_time_never_has_sixty_seconds():
    for seconds in (59.6, 119.7, 3599.9, 7199.9):
        assert "60" not in duration(seconds)
