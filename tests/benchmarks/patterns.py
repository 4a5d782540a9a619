"""Row 23: what a window saves: training in blocks, writing without end, and the loss at equal time.

All decoders have rotary positions and differ in nothing but their pattern. Contestants live in one process and
take turns of some steps or seconds each, so that a busy moment of the machine hits all of them.
"""

import math
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import click
import torch

from lm.generation import SamplingConfig, generate
from lm.inside.by_position import by_position, doubling
from lm.ladder import RUNGS
from lm.layers import SelfAttention, window_attention
from lm.plan import Plan
from lm.tasks import ContinueText, text_data
from lm.training.gradient import GradientLearner
from tests.benchmarks.machine import peak_memory
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread

DECODER = RUNGS["decoder_transformer"]
SIZE = {"n_layer": 4, "n_embd": 128, "n_head": 4, "positions": "rotary"}
WINDOW = 128
PARTS = ("speed", "writing", "loss")
ALWAYS, NEVER = 0, math.inf  # positions from which on a window is computed in blocks
WAYS = {  # of training: the pattern, and when it is computed in blocks
    "full": ("full", NEVER),
    "window, in blocks": ("window", ALWAYS),
    "full, torch's causal kernel": ("full", NEVER),
}
PATTERNS: dict[str, dict[str, Any]] = {
    "full": {},
    f"window {WINDOW}": {"pattern": "window"},
    f"window {WINDOW} and full": {"pattern": "window", "alternate": True},
    f"4 sinks, window {WINDOW}": {"pattern": "sinks"},
}


@benchmark("Attention patterns, decoder 4 × 128", rounds=7)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="All if left out.")
@click.option("--contexts", default="4096,2048,1024", show_default=True, help="Of the speed.")
@click.option("--context", default=2048, show_default=True, help="Of the loss at equal time.")
@click.option("--batch", default=2, show_default=True, help="Windows in a batch.")
@click.option("--steps", default=3, show_default=True, help="In a turn.")
@click.option("--seconds", default=180.0, show_default=True, help="Of each, for the loss.")
@click.option("--only", multiple=True, type=click.Choice(list(PATTERNS)), help="Of the loss.")
@click.option("--characters", default=100_000, show_default=True, help="That are written.")
def main(
    setup: Setup,
    parts: tuple[str, ...],
    contexts: str,
    context: int,
    batch: int,
    steps: int,
    seconds: float,
    only: tuple[str, ...],
    characters: int,
) -> Result:
    """Row 23: tokens/s, memory while writing, and loss of a window beside full attention."""
    wanted, tables = parts or PARTS, []
    if setup.quick:
        contexts, context, steps, seconds, characters = "256", 256, 1, 1.0, 600
    if "speed" in wanted:
        lengths = [int(length) for length in contexts.split(",")]
        rows = [row for T in lengths for row in speed(setup, T, batch, steps)]
        tables.append(Table(TRAINED, rows, "Training"))
    if "writing" in wanted:
        tables.append(Table(WRITTEN, writing(characters), "Writing"))
    if "loss" in wanted:
        tables.append(Table(*losses(setup, context, batch, seconds, only), "Loss at equal time"))
    return Result(tables, [f"batch {batch}, float32, rotary positions, window {WINDOW}"])


def plan_of(context: int, batch: int, **changed: Any) -> Plan:
    """A decoder of the benchmark's size, which learns at a constant rate after its warm-up."""
    given = SIZE | {"window": WINDOW, "context_length": context, "batch_size": batch}
    given |= {"steps": 1_000_000, "decay": "constant", "warmup_steps": 50, "learning_rate": 2e-3}
    return DECODER.plan(**given | changed)


def learner_of(setup: Setup, plan: Plan) -> GradientLearner:
    """A learner of the plan on the text."""
    return GradientLearner(
        plan, ContinueText(text_data(setup.text()), plan.context_length, "cpu"), "cpu"
    )


# Training

TRAINED = (
    "",
    "context",
    "tokens/s",
    "times full",
    "tokens per second of the processor",
    "times full",
)


def speed(setup: Setup, context: int, batch: int, steps: int) -> Iterator[list[str]]:
    """A row for each way: tokens/s, and the ratio to full attention in the same round.

    Also per second of the processor, all threads together, which other work on the machine disturbs less.
    """
    least = window_attention.LEAST
    learners = {
        name: learner_of(setup, plan_of(context, batch, pattern=pattern))
        for name, (pattern, _) in WAYS.items()
    }
    for part in learners["full, torch's causal kernel"].network.modules():
        if isinstance(part, SelfAttention):
            part.use_causal_kernel()  # as on a GPU: it skips what is masked
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for turn in range(setup.rounds + 1):
        for name, learner in learners.items():
            window_attention.LEAST = WAYS[name][1]
            began = time.perf_counter(), time.process_time()
            for step in range(steps):
                learner.step(turn * steps + step)
            took = time.perf_counter() - began[0], time.process_time() - began[1]
            rates[name].append(
                (steps * batch * context / took[0], steps * batch * context / took[1])
            )
        progress(f"context {context}, turn {turn} of {setup.rounds}")
    window_attention.LEAST = least
    for name, found in rates.items():
        row = [name, f"{context:,}"]
        for clock in (0, 1):
            own, full = ([pair[clock] for pair in one[1:]] for one in (found, rates["full"]))
            ratios = [a / b for a, b in zip(own, full, strict=True)]
            row += [spread(own), spread(ratios, 2)]  # without the first turn, which allocates
        yield row


# Writing

WRITTEN = (
    "",
    "characters",
    "seconds",
    "characters/s",
    "first tenth",
    "last tenth",
    "cache, KB",
    "RSS added, MB",
)


def writing(characters: int) -> list[list[str]]:
    """A row for each cache: a window that rolls, and a full one, which reads half of its context anew.

    The full one writes a tenth of the text, because it takes long.
    """
    contestants = {
        f"window {WINDOW}, rolling": {"pattern": "window"},
        f"4 sinks, window {WINDOW}, rolling": {"pattern": "sinks"},
        "full": {},
    }
    return [
        _written(name, changed, characters if changed else characters // 10)
        for name, changed in contestants.items()
    ]


def _written(name: str, changed: dict[str, Any], characters: int) -> list[str]:
    torch.manual_seed(0)
    plan = plan_of(4096, 2, **changed)
    model = DECODER.model(plan.model, 65).eval()
    sampling = SamplingConfig.make(max_new_tokens=characters, temperature=1.0)
    tokens = generate(model, torch.zeros(1, dtype=torch.long), 4096, sampling)
    tenth, before, threads = characters // 10, 0.0, torch.get_num_threads()
    torch.set_num_threads(1)  # one token leaves nothing for a second core
    ends = [time.perf_counter()]
    for part in range(10):
        for _ in islice(tokens, tenth):
            pass
        ends.append(time.perf_counter())
        before = before or peak_memory() / 1e6
        progress(f"{name}: {(part + 1) * tenth:,} characters, peak {peak_memory() / 1e6:.1f} MB")
    torch.set_num_threads(threads)
    seconds = [end - begin for begin, end in pairwise(ends)]
    return [
        name,
        f"{10 * tenth:,}",
        f"{sum(seconds):.0f}",
        f"{10 * tenth / sum(seconds):,.0f}",
        f"{tenth / seconds[0]:,.0f}",
        f"{tenth / seconds[-1]:,.0f}",
        f"{_cache_bytes(model) / 1024:,.0f}",
        f"{peak_memory() / 1e6 - before:.1f}",
    ]


@torch.inference_mode()
def _cache_bytes(model: Any) -> int:
    """Of the keys and values of a long text."""
    cache = model.new_cache()
    model(torch.zeros(1, 4095, dtype=torch.long), cache)
    model(torch.zeros(1, 1, dtype=torch.long), cache)
    tensors = [t for layer in cache.layers for t in (layer._keys, layer._values)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


# Loss at equal time


def losses(
    setup: Setup, context: int, batch: int, seconds: float, only: tuple[str, ...]
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: each pattern trains so many seconds of its own, in turns of ten seconds."""
    learners = {
        name: learner_of(setup, plan_of(context, batch, **changed))
        for name, changed in PATTERNS.items()
        if name in (only or PATTERNS)
    }
    spent, steps = dict.fromkeys(learners, 0.0), dict.fromkeys(learners, 0)
    while min(spent.values()) < seconds:
        for name, learner in learners.items():
            until = min(seconds, spent[name] + 10)
            while spent[name] < until:
                began = time.perf_counter()
                learner.step(steps[name])
                spent[name] += time.perf_counter() - began
                steps[name] += 1
        progress(f"{min(spent.values()):.0f} of {seconds:.0f} s")
    rows, groups = [], []
    for name, learner in learners.items():
        *_, whole = by_position(learner.model, learner.task.validation, context)
        found = whole.losses
        groups = doubling(found)
        tokens_read = steps[name] * batch * context
        rows.append([name, f"{steps[name]:,}", f"{tokens_read / 1e6:.2f}", f"{found.mean():.4f}"])
        progress(f"{name}: {found.mean():.4f}")
        rows[-1] += [f"{group.loss:.3f}" for group in groups[4:]]
    names = [f"{group.first:,}–{group.last:,}" for group in groups[4:]]
    return ["", "steps", "tokens, M", "validation loss", *names], rows


if __name__ == "__main__":
    main()
