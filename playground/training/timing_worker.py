"""Times one plan in a process of its own: a few real steps, an evaluation and a sample on part of the text."""

import contextlib
import math
import os
import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from statistics import mean
from timeit import timeit
from typing import Any

import torch

from lm import tasks
from lm.corpora import TRAIN_SHARE, AnyCorpus, PairCorpus
from lm.evaluation import MOST_TOKENS
from lm.plan import Plan
from lm.tokenizers import Tokenizer
from lm.training.learners import make_learner
from lm.training.loop import evaluation_due
from playground.training import processes

PART = 120_000  # characters of the text that are trained on and evaluated
LINES = 64  # held-out pairs that are judged
BRIEF, STEPS = 0.5, 8  # a timing ends after so many seconds and so many steps,
LONG = 3.0  # or after so many seconds and any number of steps
# Characters that are evaluated whole; of a longer text, a part is.
WHOLE_IS_READ = int(MOST_TOKENS / (1 - TRAIN_SHARE))
OWN_SHARE = 0.85  # of the time that a thread has its core if no other work disturbs it


@dataclass(frozen=True)
class Costs:
    """Measured seconds of the parts of a run; not numbers if it cannot be trained here."""

    step: float = math.nan
    evaluation: float = math.nan
    sample: float = math.nan
    quiet: bool = True  # whether no other work disturbed the measurement
    when: float = math.inf  # the measurement ended, as in `time.time()`

    def of_run(self, plan: Plan) -> float:
        """Seconds of a whole run. One sample comes before the first step."""
        count = math.ceil(plan.steps / plan.evaluate_every)
        return plan.steps * self.step + count * self.evaluation + (1 + count) * self.sample


def work(pipe: Connection, threads: int, *job: Any) -> None:
    """Send the `Costs` of a job, the arguments of `measured`; gives way to every other process."""
    processes.obey(signal.SIGTERM, lambda: os._exit(0))  # there is nothing to save
    signal.alarm(60)  # seconds after which the timing is given up
    os.nice(19)
    processes.exit_with_server(pipe)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as in a run
    costs = Costs()
    with contextlib.suppress(Exception):
        costs = measured(*job)
    with contextlib.suppress(OSError):
        pipe.send(costs)


def measured(device: str, plan: Plan, corpus: AnyCorpus, tokenizer: Tokenizer) -> Costs:
    """The costs of a plan on a corpus, after about a second. Raises whatever training raises."""
    part, more = part_of(corpus)
    kind = tasks.KINDS[plan.task.task]
    task = kind(kind.load(part, tokenizer), plan.context_length, device)
    learner = make_learner(plan, task, device)
    steps, evaluations, samples = list[float](), list[float](), list[float]()  # seconds of each
    began, began_here, ended = time.perf_counter(), time.thread_time(), False
    while not ended and len(steps) < plan.steps:
        steps.append(timeit(lambda: learner.step(len(steps)), number=1))
        spent = time.perf_counter() - began
        ended = spent > LONG or (spent > BRIEF and len(steps) >= STEPS)
        if ended or evaluation_due(len(steps), plan):
            evaluations.append(timeit(lambda: list(task.evaluate(learner.model)), number=1))
            samples.append(timeit(lambda: task.sample(learner.model), number=1))
    own_share = (time.thread_time() - began_here) / (time.perf_counter() - began)
    quiet = device != "cpu" or own_share > OWN_SHARE
    factor = 1.0 if quiet else own_share  # waiting for other work does not count
    tokens = plan.tokens_per_step  # of a plan that counts, those of the whole text
    whole, read = len(corpus.text), len(part.text)
    step = mean(steps[1:] or steps) * tokens(whole) / tokens(read)  # the first step is slow
    evaluation = mean(evaluations) * more
    return Costs(step * factor, evaluation * factor, mean(samples) * factor, quiet, time.time())


def part_of(corpus: AnyCorpus) -> tuple[AnyCorpus, float]:
    """The part of a corpus that is timed, and how many times as much an evaluation of the whole reads.

    Of pairs, the lines held out are judged by writing an answer to each: the same share of the longer ones.
    """
    if isinstance(corpus, PairCorpus):
        lines, longer = corpus.validation[:LINES], corpus.longer
        more = len(corpus.validation) / len(lines)
        part = replace(
            corpus,
            validation=lines,
            longer=longer[: max(1, round(len(longer) / more)) if longer else 0],
        )
        return part, more
    beginning = replace(corpus, text=corpus.text[:PART])
    return beginning, min(len(corpus.text), WHOLE_IS_READ) / len(beginning.text)
