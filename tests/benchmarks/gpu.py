"""Row 12, on a GPU: seconds to nanoGPT's loss, tokens per second at 124 M parameters, steps of small rungs."""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch

from lm import corpora, tasks
from lm.costs.sizes import count_parameters, outline
from lm.devices import check_compiles, choose_device
from lm.ladder import RUNGS
from lm.plan import Plan
from lm.tasks import TextData
from lm.training.events import Step
from lm.training.loop import train
from tests.benchmarks import checkouts, lm_command, machine, nanogpt
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread, times

PARTS = ("loss", "124m", "rungs")
TARGET = 1.4697  # nanoGPT's README, for this recipe on an A100
RECIPE = "config/train_shakespeare_char.py"
ITERATION = re.compile(r"iter (\d+): loss [\d.naif]+, time ([\d.]+)ms")
ESTIMATE = re.compile(r"step (\d+): train loss [\d.naif]+, val loss ([\d.naif]+)")
PER_ITERATION = re.compile(r"time per iteration: ([\d.]+)ms")

GPT2 = {"n_layer": 12, "n_head": 12, "n_embd": 768, "context_length": 1024}
VOCABULARY = 50_304  # GPT-2's 50,257 tokens, rounded up as nanoGPT does
WARM_UP = 10
SMALL = (
    ("bigram", "classic"),
    ("single_head_attention", "classic"),
    ("multi_head_attention", "classic"),
    ("single_block_transformer", "classic"),
    ("decoder_transformer", "classic"),
    ("decoder_transformer", "speedrun"),
)


@benchmark("Training on a GPU", rounds=3)
@click.option("--nanogpt", "checkout", type=checkouts.FOLDER, help="An unmodified checkout.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part.")
@click.option("--recipe", "recipes", multiple=True, default=("best",), help="Of the decoder.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--batch", default=12, show_default=True, help="Rows of 1,024 tokens, at 124 M.")
def main(
    setup: Setup,
    checkout: Path | None,
    parts: tuple[str, ...],
    recipes: tuple[str, ...],
    device: str,
    batch: int,
) -> Result:
    """Row 12: this project on a GPU beside nanoGPT's recipe for one, and beside this machine's CPU."""
    where = choose_device(device)
    compiles = where.startswith("cuda")
    if compiles:
        check_compiles(where, "gradient")
    about = checkouts.commit(checkout, "train.py") if checkout else None
    tables, notes = [], [_card(where)]
    if about:
        notes.append(f"nanoGPT: {about}, with torch.compile" if compiles else f"nanoGPT: {about}")
    for part in parts or PARTS:
        if part == "loss":
            tables.append(_to_the_loss(setup, checkout, recipes, where, compiles))
        elif part == "124m":
            tables.append(_at_124_million(setup, checkout, where, compiles, batch))
        else:
            tables.append(_small_rungs(setup, where))
    notes += [
        "seconds of training leave out evaluations and samples; those of the command leave out nothing: "
        "start, compiling, evaluations, samples and files are in them",
        "our losses are exact, over the whole validation split; nanoGPT's are its own estimates, over 200 "
        "random batches, and the loss of its best checkpoint is exact as well",
        "nanoGPT's seconds of training: iterations × its median iteration",
        "tokens per second: by bench.py's mean of 20 iterations after 10, by the median of our 60 steps "
        "after 10; neither clips gradients, ours also takes their norm",
        "a first compiled run compiles anew, later ones find kernels in torch's cache on the disk",
        "steps per second: all steps of three seconds, over these seconds; on the CPU with so many threads",
    ]
    return Result(tables, notes)


# Seconds to a loss


def _to_the_loss(
    setup: Setup, checkout: Path | None, recipes: Sequence[str], device: str, compiles: bool
) -> Table:
    target = 3.5 if setup.quick else TARGET
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        if checkout:
            rows += _nanogpt_rows(setup, checkout, folder / "nanogpt", device, compiles)
        for recipe in recipes:
            for compiled in (False, True) if compiles else (False,):
                rows.append(_our_row(setup, recipe, target, folder, device, compiled))
    columns = (
        "",
        "steps",
        "validation loss",
        "seconds of training",
        "seconds of the command",
    )
    return Table(columns, rows, f"A validation loss of {target}")


def _our_row(
    setup: Setup, recipe: str, target: float, folder: Path, device: str, compiled: bool
) -> list[str]:
    """One recipe, from the command to its end at the target."""
    steps, training, command, losses = [], [], [], []
    for seed in range(1, setup.rounds + 1):
        flags = ["--recipe", recipe, "--seed", str(seed), "--device", device]
        flags += ["--compile"] if compiled else []
        flags += ["--steps", "60", "--evaluate-every", "20"] if setup.quick else []
        out = folder / f"{recipe}-{compiled}-{seed}"
        began = time.perf_counter()
        run = lm_command.train(out, setup.corpus, *flags, "--until-val-loss", str(target))
        command.append(time.perf_counter() - began)
        last = run.evaluations()[-1]
        steps.append(last["step"])
        training.append(last["seconds"])
        losses.append(last["loss"])
        progress(f"{recipe}: {last['loss']:.4f} after {last['seconds']:.1f} s of training")
    name = f"recipe {recipe}{', compiled' if compiled else ''}"
    if max(losses) > target:
        name += ", which did not reach it"
    return [name, spread(steps), spread(losses, 4), spread(training, 1), spread(command, 1)]


def _nanogpt_rows(
    setup: Setup, checkout: Path, into: Path, device: str, compiles: bool
) -> list[list[str]]:
    """Its recipe for a GPU as it is: at its lowest estimate, and at its end."""
    folder = nanogpt.prepare(checkout, into, setup.text())
    command = [sys.executable, "-u", "train.py", RECIPE, f"--device={device}"]
    command += [] if compiles else ["--compile=False"]
    if setup.quick:
        command += ["--max_iters=20", "--eval_interval=10", "--eval_iters=2", "--log_interval=1"]
        command += ["--batch_size=2"]
    milliseconds: list[float] = []
    estimates: list[tuple[int, float, float]] = []  # step, loss, seconds since the command
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if found := ITERATION.match(line):
                milliseconds.append(float(found[2]))
            elif found := ESTIMATE.match(line):
                now = time.perf_counter() - began
                estimates.append((int(found[1]), float(found[2]), now))
                progress(f"nanoGPT: {line.strip()}, {now:.1f} s")
    whole = time.perf_counter() - began
    if process.returncode:
        raise click.ClickException(f"nanoGPT's train.py failed:\n{''.join(said[-20:])}")
    usual = statistics.median(milliseconds) / 1000
    tokens = np.fromfile(folder / nanogpt.DATA / "val.bin", dtype=np.uint16).astype(np.int64)
    checkpoint = folder / "out-shakespeare-char" / "ckpt.pt"
    exact = nanogpt.exact_loss(folder, checkpoint, torch.from_numpy(tokens))
    step, loss, seconds = min(estimates, key=lambda estimate: estimate[1])
    last, final, _ = estimates[-1]
    return [
        [
            "nanoGPT's recipe for a GPU, at its lowest estimate",
            f"{step:,}",
            f"{loss:.4f}; exactly {exact:.4f}",
            f"{step * usual:.1f}",
            f"{seconds:.1f}",
        ],
        ["the same, whole", f"{last:,}", f"{final:.4f}", f"{last * usual:.1f}", f"{whole:.1f}"],
    ]


# 124 million parameters


class Numbers:
    """In place of a tokenizer: tokens that are numbers, for a text without words."""

    kind = "numbers"

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        return np.zeros(1, dtype=np.int64), ""

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return ""

    def count_characters(self, ids: np.ndarray) -> int:
        return len(ids)


@dataclass(frozen=True)
class Speed:
    """Seconds of each step, and the peak of the GPU's memory in bytes."""

    parameters: int
    seconds: Sequence[float]
    memory: int


def _at_124_million(
    setup: Setup, checkout: Path | None, device: str, compiles: bool, batch: int
) -> Table:
    steps = 3 if setup.quick else 60
    sizes = GPT2 | ({"n_layer": 1, "context_length": 64} if setup.quick else {})
    tokens = batch * sizes["context_length"]
    found: dict[str, list[float]] = {}
    memory: dict[str, str] = {}
    for _ in range(setup.rounds):
        if checkout:
            rate = tokens / _nanogpt_seconds(checkout, sizes, device, compiles, batch)
            found.setdefault("nanoGPT's bench.py", []).append(rate)
        for compiled in (False, True) if compiles else (False,):
            name = f"ours{', compiled' if compiled else ''}"
            speed = machine.in_fresh_process(_gpt2, sizes, batch, device, compiled, steps)
            found.setdefault(name, []).append(tokens / statistics.median(speed.seconds))
            memory[name] = f"{speed.memory / 2**30:.1f} GiB"
            progress(f"{name}, {speed.parameters:,} parameters: {found[name][-1]:,.0f} tokens/s")
    theirs = found.get("nanoGPT's bench.py")
    rows = []
    for name, rates in found.items():
        ratio = statistics.median(rates) / statistics.median(theirs) if theirs else None
        beside = f"{ratio:.2f} ×" if ratio else "–"
        rows.append([name, spread(rates), beside, memory.get(name, "–")])
    title = (
        f"GPT-2 of {sizes['n_layer']} × {sizes['n_embd']}, vocabulary {VOCABULARY:,}, bfloat16, "
    )
    title += f"{batch} × {sizes['context_length']:,} tokens a step"
    return Table(("", "tokens per second", "beside nanoGPT", "memory"), rows, title)


def _gpt2(sizes: dict[str, int], batch: int, device: str, compiled: bool, steps: int) -> Speed:
    """Train a GPT-2 on random numbers."""
    plan = RUNGS["decoder_transformer"].plan(
        "nanogpt-cpu",
        **sizes,
        batch_size=batch,
        precision="bfloat16",
        gradient_clip=0.0,  # bench.py does not clip either
        steps=WARM_UP + steps,
        evaluate_every=100_000,
    )
    torch.manual_seed(0)
    ids = torch.randint(VOCABULARY, (200_000,))
    stand_in: Any = Numbers(VOCABULARY)
    data = TextData(ids, ids[: 2 * sizes["context_length"]], stand_in)
    seconds = _seconds_of_steps(plan, data, device, WARM_UP + steps, compiled)
    memory = torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0
    return Speed(count_parameters(outline(plan, VOCABULARY)), seconds[WARM_UP:], memory)


def _seconds_of_steps(
    plan: Plan, data: TextData, device: str, steps: int, compiled: bool = False
) -> list[float]:
    """Seconds of each of the first steps, by the run's own clock: a step ends when its loss is known."""
    ends = [0.0]
    events = train(plan, data, device=device, compiled=compiled)
    while len(ends) <= steps:
        event = next(events)
        if isinstance(event, Step):
            ends.append(event.seconds)
    events.close()
    return list(np.diff(ends))


def _nanogpt_seconds(
    checkout: Path, sizes: dict[str, int], device: str, compiles: bool, batch: int
) -> float:
    """Seconds of an iteration by nanoGPT's own bench.py, on random numbers as well."""
    command = [sys.executable, "bench.py", "--real_data=False", f"--device={device}"]
    command += [f"--batch_size={batch}", f"--block_size={sizes['context_length']}"]
    command += [] if compiles else ["--compile=False"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    found = PER_ITERATION.search(done.stdout)
    if found is None:
        raise click.ClickException(f"nanoGPT's bench.py failed:\n{done.stderr[-2000:]}")
    progress(f"nanoGPT's bench.py: {found[0]}")
    return float(found[1]) / 1000


# Small rungs


def _small_rungs(setup: Setup, device: str) -> Table:
    threads = sorted({2, setup.cores})
    rows = []
    for name, recipe in SMALL:
        contestants = [(device, 2, False), *(("cpu", n, False) for n in threads)]
        rates: list[list[float]] = [[] for _ in contestants]
        for _ in range(setup.rounds):
            for one, measured in zip(contestants, rates, strict=True):
                found = machine.in_fresh_process(
                    _rate, setup.corpus, name, recipe, *one, setup.quick
                )
                measured.append(found)
        on_gpu, *on_cpu = rates
        fastest = max(map(statistics.median, on_cpu))
        ratio = times(statistics.median(on_gpu) / fastest)
        title = RUNGS[name].title + (f", {recipe}" if recipe != "classic" else "")
        rows.append([title, spread(on_gpu), *map(spread, on_cpu), ratio])
        progress(json.dumps(rows[-1], ensure_ascii=False))
    cpu = [f"CPU, {n} threads" for n in threads]
    return Table(("steps per second", "GPU", *cpu, "GPU / CPU"), rows, "Small rungs")


def _rate(
    corpus: str, name: str, recipe: str, device: str, threads: int, compiled: bool, quick: bool
) -> float:
    """Steps per second of a recipe."""
    torch.set_num_threads(threads)
    plan = RUNGS[name].plan(recipe, steps=1_000_000, evaluate_every=100_000)
    data = tasks.text_data(corpora.load(corpus))
    least, enough = (3, 0.05) if quick else (20, 3.0)
    first: float | None = None
    events = train(plan, data, device=device, compiled=compiled)
    for event in events:
        if isinstance(event, Step):
            if event.step == least:
                first = event.seconds
            elif first is not None and event.seconds - first > enough:
                events.close()
                return (event.step - least) / (event.seconds - first)
    raise AssertionError("the steps ended before")


def _card(device: str) -> str:
    if not device.startswith("cuda"):
        return f"no GPU: {device}"
    memory = torch.cuda.get_device_properties(device).total_memory / 2**30
    return (
        f"{torch.cuda.get_device_name(device)}, {memory:.0f} GiB, CUDA {torch.version.cuda}, "
        f"torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
