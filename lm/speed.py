"""How long will it take here? A prediction from counting operations, not from a table of models.

A model without weights worth the name reads one row, then two. That gives three counts: operators called,
multiplications in matrix products, and numbers written by the other operators. Each further row of a batch
asks for as much as the second, and the way back through the network costs twice that again. Short measurements
say what each costs on this machine, and what a step costs whatever it does. It works for any model, also one
added tomorrow.

What such a sum misses (how well a product of just this shape runs, say) differs from rung to rung, and from
recipe to recipe. So each is also *rehearsed*: a few real steps say by which factor the sum is off, and a plan
is predicted by the rehearsal whose settings are most like its own.

A model that counts has no such step. There a short text is counted; the time of a longer one is in proportion
to its length.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lm.evaluation import evaluate
from lm.ladder import rung
from lm.models.ngram import Ngram, NgramConfig
from lm.ngrams import Counting
from lm.plan import Plan
from lm.sizes import count_parameters, outline
from lm.tokenizers import CharacterTokenizer
from lm.training.config import TrainingConfig
from lm.tasks import ContinueText, TextData as Data
from lm.training.gradient import GradientLearner
from lm.tasks.continue_text import SAMPLE
from lm.training.optimizers import make_optimizers


@dataclass(frozen=True)
class Work:
    """What one training step asks for, and what reading one token asks for in an evaluation."""

    operators: int
    flops: float  # floating-point operations in matrix products
    numbers: float  # numbers written by all other operators
    parameters: int
    operators_read: float = 0.0
    flops_read: float = 0.0
    numbers_read: float = 0.0


@dataclass(frozen=True)
class Rehearsal:
    """What a few real steps of a plan, and reading validation text, took over what was predicted for them; a
    sample's seconds; and whether other work left them alone."""

    plan: Plan | None = None
    step_ratio: float = 1.0
    reading_ratio: float = 1.0
    per_sample: float = 0.0
    quiet: bool = True
    sittings: int = 1  # of which these are the means

    def after(self, earlier: "Rehearsal") -> "Rehearsal":
        """This sitting and those before it together: their means, or the undisturbed one if just one is."""
        if not (earlier.quiet and self.quiet):
            return earlier if earlier.quiet else self
        sittings = earlier.sittings + self.sittings

        def mean(before: float, now: float) -> float:
            return (earlier.sittings * before + self.sittings * now) / sittings

        return Rehearsal(
            plan=self.plan,
            step_ratio=mean(earlier.step_ratio, self.step_ratio),
            reading_ratio=mean(earlier.reading_ratio, self.reading_ratio),
            per_sample=mean(earlier.per_sample, self.per_sample),
            sittings=sittings,
        )


@dataclass(frozen=True)
class Machine:
    """What this machine takes for it: seconds a step whatever its size, an operator, a floating-point
    operation, a number written; a character counted, and one looked up, among pieces of one length."""

    per_step: float
    per_operator: float
    per_flop: float
    per_number: float
    per_counted: float
    per_looked_up: float
    rehearsals: tuple[Rehearsal, ...] = ()

    def seconds_per_step(self, work: Work) -> float:
        """Predicted seconds for one training step."""
        return (
            self.per_step
            + work.operators * self.per_operator
            + work.flops * self.per_flop
            + work.numbers * self.per_number
        )

    def seconds(self, plan: Plan, work: Work, train_tokens: int, validation_tokens: int) -> float:
        """Predicted seconds for a whole run with its evaluations; `work` is that of one of its steps."""
        if not isinstance(plan.training, TrainingConfig):
            return self._counting_seconds(plan.steps, train_tokens, validation_tokens)
        rehearsal = self._most_alike(plan)
        step = self.seconds_per_step(work) * rehearsal.step_ratio
        forward = self.seconds_per_token_read(work) * rehearsal.reading_ratio
        evaluations = math.ceil(plan.steps / plan.evaluate_every)
        counted = NgramConfig().order if plan.config.model_dump().get("ngram_share") else 0
        return (
            plan.steps * step
            + evaluations * validation_tokens * forward
            + (1 + evaluations) * rehearsal.per_sample  # there is one before the first step
            + counted * train_tokens * self.per_counted
        )

    def knows(self, plan: Plan) -> bool:
        """Whether a plan of this rung has been rehearsed, or needs no rehearsal."""
        return (
            not isinstance(plan.training, TrainingConfig) or self._most_alike(plan).plan is not None
        )

    def _most_alike(self, plan: Plan) -> Rehearsal:
        """The rehearsal of this rung whose plan shares the most of what costs time with this one."""
        wanted, best, most = _settings(plan), Rehearsal(), -1
        for rehearsal in self.rehearsals:
            if rehearsal.plan is not None and rehearsal.plan.rung.name == plan.rung.name:
                alike = len(wanted & _settings(rehearsal.plan))
                if alike > most:
                    best, most = rehearsal, alike
        return best

    def seconds_per_token_read(self, work: Work) -> float:
        """Predicted seconds to evaluate one token."""
        return (
            work.operators_read * self.per_operator
            + work.flops_read * self.per_flop
            + work.numbers_read * self.per_number
        )

    def _counting_seconds(self, order: int, train_tokens: int, validation_tokens: int) -> float:
        """Counting reads the text once a length; looking up after it, and writing, go through all so far."""
        written = SAMPLE.max_new_tokens  # each after reading all of the sample before it
        looked_up = validation_tokens + written**2 / 2
        seconds = order * train_tokens * self.per_counted
        for length in range(1, order + 1):
            seconds += looked_up * (length + BESIDES) * self.per_looked_up
            seconds += written * OPERATORS * (length + BESIDES) * self.per_operator
        return seconds


READ_AT_ONCE = 4096  # tokens that an evaluation reads at once, or a row
BESIDES = 2  # what is done whatever the order (logarithm, loss) costs as much as two more lengths
OPERATORS = 20  # that it takes to look up one length


def work_of(plan: Plan, vocab_size: int) -> Work:
    """Count one training step of a plan by reading two rows; counting itself is no such work."""
    model = outline(plan, vocab_size)
    parameters = count_parameters(model)
    if not isinstance(plan.training, TrainingConfig):
        return Work(0, 0.0, 0.0, parameters)
    # Early rungs read a batch of fewer tokens than the alphabet has characters in another order: count on
    # this plan's side of that.
    length, rows = plan.context_length, plan.training.batch_size
    above = math.ceil(vocab_size / length)
    fewest = above if rows >= above else 1
    some, more = (_read(model, fewest + further, length) for further in (0, 1))

    def of(count: float, name: str) -> float:  # so many rows
        least = getattr(some, name)
        return least + (count - fewest) * (getattr(more, name) - least)

    at_once = max(1, READ_AT_ONCE // length) * length  # tokens of a batch of the evaluation
    tensors = sum(1 for _ in model.parameters())
    kept = 6.0 * parameters  # AdamW reads and writes weight, mean, square, all in one operator
    return Work(
        operators=3 * some.operators + 2 * tensors,  # clipping
        flops=3 * of(rows, "flops")
        + sum(optimizer.flops() for optimizer in make_optimizers(model, plan.training)),
        numbers=3 * of(rows, "numbers") + kept,
        parameters=parameters,
        operators_read=some.operators / at_once,
        flops_read=of(at_once / length, "flops") / at_once,
        numbers_read=of(at_once / length, "numbers") / at_once,
    )


def _read(model: nn.Module, rows: int, context_length: int) -> "_Counter":
    """What it takes to read so many rows."""
    batch = torch.zeros((rows, context_length), dtype=torch.long)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _Counter() as reading:
        F.cross_entropy(model(batch).flatten(0, 1), batch.flatten())
    return reading


def measure() -> Machine:
    """Short measurements (about a second in all, if nothing disturbs them) with the threads torch now uses."""
    a, b = torch.randn(2048, 128), torch.randn(128, 512)
    small, large = torch.randn(32, requires_grad=True), torch.randn(1_000_000)
    smallest = GradientLearner(
        rung("bigram").plan(n_embd=4, context_length=1, batch_size=1), _noise(), "cpu"
    )
    steps = (
        _seconds(lambda: smallest.step(0), 20),
        _seconds(lambda: (small * small).sum().backward(), 200) / 4,
        _seconds(lambda: a @ b, 20) / (2 * 2048 * 128 * 512),
        _seconds(lambda: large + 1.0, 10) / 1_000_000,
    )
    return Machine(*steps, *_measure_counting())


def rehearsed(machine: Machine, plan: Plan, work: Work) -> Machine:
    """`machine`, with what some steps of `plan` (for which `work` was counted) and a sample really take.

    Of several sittings the means count: a machine that is shared with others is quicker at one moment than at
    the next. A sitting that other work disturbed counts only while there is none better.
    """
    noise = _noise()
    learner = GradientLearner(plan, noise, "cpu")
    read = noise.train[:8193]
    learner.step(0)  # the first is slow
    began = time.perf_counter()
    learner.step(1)
    enough = max(3, min(300, round(REHEARSED / (time.perf_counter() - began))))
    step = undisturbed(lambda: learner.step(1), enough)
    written = undisturbed(lambda: sample(learner.model, noise.tokenizer, plan.context_length, 0), 1)
    reading = undisturbed(lambda: evaluate(learner.model, read, plan.context_length), 1)
    told = Rehearsal(
        plan=plan,
        step_ratio=step.seconds / machine.seconds_per_step(work),
        reading_ratio=reading.seconds / 8192 / machine.seconds_per_token_read(work),
        per_sample=written.seconds,
        quiet=step.quiet and reading.quiet,
    )
    earlier = [r for r in machine.rehearsals if r.plan == plan]
    others = tuple(r for r in machine.rehearsals if r.plan != plan)
    return replace(machine, rehearsals=(*others, told.after(earlier[0]) if earlier else told))


def duration(seconds: float) -> str:
    """A time as a person would say it."""
    if seconds < 1:
        return "a second"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


class Taken(NamedTuple):
    """How long something took, and whether other work left it alone meanwhile."""

    seconds: float
    quiet: bool


def undisturbed(action: Callable[[], Any], enough: int) -> Taken:
    """The median time of `enough` rounds in which this thread had its core; the quickest if there are none.

    Where other work takes the core, the thread's own clock stands still. Gives up after `PATIENCE`.
    """
    quiet: list[float] = []
    quickest, ended = math.inf, time.perf_counter() + PATIENCE
    while len(quiet) < enough and time.perf_counter() < ended:
        began, began_here = time.perf_counter(), time.thread_time()
        action()
        taken, taken_here = time.perf_counter() - began, time.thread_time() - began_here
        quickest = min(quickest, taken)
        if taken_here > OWN_SHARE * taken:
            quiet.append(taken)
        else:
            time.sleep(0.2)
    return Taken(statistics.median(quiet), True) if quiet else Taken(quickest, False)


PATIENCE = 3.0  # seconds
REHEARSED = 0.1  # seconds of steps in a sitting; three steps if they take longer
OWN_SHARE = 0.85  # of its time a thread must have its core; a little goes into waiting for others


def _noise() -> Data:
    """A text of 65 characters in no order."""
    tokenizer = CharacterTokenizer.from_text("".join(map(chr, range(32, 32 + 65))))
    ids = torch.randint(65, (20_000,), generator=torch.Generator().manual_seed(1))
    return Data(ids, ids, tokenizer)


def _settings(plan: Plan) -> set[tuple[str, Any]]:
    """Names and values of what decides how long a step takes."""
    told = {"batch_size", "optimizer", "precision"}
    return {*plan.config.model_dump().items(), *plan.training.model_dump(include=told).items()}


def _measure_counting() -> tuple[float, float]:
    """Seconds to count a character at one length, and to look one up, on a text of random words.

    With 2,000 words, some frequent and most rare, it has about as many different n-grams as prose.
    """
    draw = torch.Generator().manual_seed(1)
    words = [
        torch.cat([torch.zeros(1), torch.rand(length, generator=draw) ** 3 * 65]).long()
        for length in torch.randint(1, 9, (2000,), generator=draw).tolist()
    ]
    chosen = (torch.rand(60_000, generator=draw) ** 3 * len(words)).long().tolist()
    ids = torch.cat([words[word] for word in chosen])
    train, validation, order = ids[:300_000], ids[300_000:304_097], 5
    model = Ngram(NgramConfig(order=order), 65)

    def count() -> None:
        counting = Counting(train.numpy(), 65)
        for _ in range(order):
            counting.longer()
            model.hold(counting.counts)
            counting.loss()

    counted = undisturbed(count, 2).seconds
    looked_up = _seconds(lambda: evaluate(model, validation, 1024), 1)
    return counted / len(train) / order, looked_up / len(validation) / (order + BESIDES)


def _seconds(action: Callable[[], Any], repeat: int, rounds: int = 8) -> float:
    """Seconds of one `action`: the median of `rounds` undisturbed rounds of `repeat` each."""
    action()
    return undisturbed(lambda: [action() for _ in range(repeat)], rounds).seconds / repeat


_PRODUCTS = ("linear", "matmul", "__matmul__", "mm", "bmm")
_PRODUCTS_ADDED = ("addmm", "baddbmm")  # to their first argument


class _Counter(TorchFunctionMode):
    """Counts operators that do something, the operations in matrix products, and what the others write.

    torch's own counters see the way back, too, but import its compiler: a second and 100 MB.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators = 0
        self.flops = 0.0
        self.numbers = 0.0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple | list) else (result,)
        size = sum(o.numel() for o in outputs if isinstance(o, Tensor) and not o._is_view())
        name = func.__name__
        if name in _PRODUCTS + _PRODUCTS_ADDED:
            self.operators += 1
            self.flops += 2.0 * result.numel() * args[name in _PRODUCTS_ADDED].shape[-1]
        elif func is F.scaled_dot_product_attention:
            query, key = args[:2]  # (B, H, T, D): the scores, and what is read by them
            self.operators += 1
            self.flops += 2 * 2.0 * query.numel() * key.shape[-2]
        elif size and name != "__get__":
            self.operators += 1
            self.numbers += size
        return result
