"""Row 4: tokens per second of training for each rung, in turns with the starting point's own scripts."""

import ast
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm import corpora, tasks
from lm.costs.sizes import count_parameters
from lm.devices import has_bfloat16
from lm.ladder import RUNGS
from lm.training.events import Step
from lm.training.loop import train
from tests.benchmarks import checkouts, machine
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns, times

COLUMNS = (
    "rung",
    "batch × context",
    "whose",
    "parameters",
    "ms per step",
    "tokens per second",
    "theirs / ours",
)
PRECISIONS = ("float32", "bfloat16")
STEPS, WARM_UP = 250, 20  # their scripts evaluate after 300 steps; the first steps are not counted


@dataclass(frozen=True)
class Script:
    """A script of the starting point, and the constants at its top, under our names."""

    path: str
    settings: dict[str, float]

    @property
    def tokens_per_step(self) -> int:
        return int(self.settings["batch_size"] * self.settings["context_length"])


def _script(path: str, batch: int, context: int, n_embd: int, **others: float) -> Script:
    sizes: dict[str, float] = {"batch_size": batch, "context_length": context, "n_embd": n_embd}
    return Script(f"models/{path}.py", sizes | others)


SCRIPTS = {
    "bigram": _script("bigram", 32, 8, 32),
    "single_head_attention": _script("single_head_attention", 16, 64, 128),
    "multi_head_attention": _script("multiple_head_attention", 32, 64, 96, n_head=4, dropout=0.2),
    "single_block_transformer": _script(
        "single_block_transformer", 32, 64, 128, n_head=4, dropout=0.15
    ),
    "decoder_transformer": _script(
        "decoder_transformer", 16, 64, 128, n_head=4, n_layer=3, dropout=0.2
    ),
}


@dataclass(frozen=True)
class Measured:
    """Parameters, and seconds of each training step."""

    parameters: int
    seconds: Sequence[float]


@benchmark("Tokens per second of training, at the starting point's sizes")
@click.option(
    "--starting-point",
    "checkout",
    type=checkouts.FOLDER,
    help="An unmodified checkout of OsirisYetna/LMM_from_scratch.",
)
@click.option(
    "--rung", "names", type=click.Choice(list(SCRIPTS)), multiple=True, help="Only this one."
)
def main(setup: Setup, checkout: Path | None, names: tuple[str, ...]) -> Result:
    """Row 4: each rung with the architecture, batch and context of the starting point's script."""
    about = checkouts.commit(checkout, SCRIPTS["bigram"].path) if checkout else None
    steps, warm_up = (10, 2) if setup.quick else (STEPS, WARM_UP)
    rows = []
    with TemporaryDirectory() as folder:
        copied = None
        if checkout:
            copied = checkouts.copy(checkout, Path(folder) / "copy", setup.text(), "input.txt")
        for name in names or SCRIPTS:
            script = SCRIPTS[name]
            contestants = {
                f"{name}, ours, {precision}": lambda _, name=name, precision=precision: (
                    machine.in_fresh_process(ours, name, setup.corpus, steps, precision)
                )
                for precision in PRECISIONS
            }
            if copied:
                _check_sizes(copied, script)
                contestants[f"{name}, theirs"] = lambda _, script=script: theirs(
                    copied, script, steps
                )
            found = take_turns(setup.rounds, contestants)
            rows += _rows(name, list(found.values()), warm_up)
    notes = [
        f"the median of steps {warm_up + 1} to {steps} of each round; everything in the loop counts, "
        "from the end of one step to the end of the next",
        "ours: AdamW with a constant rate, no clipping, their dropout (the multi-head rung has none); our "
        "loop also reads the loss and the gradient's length at every step",
        "bfloat16: factors of matrix products rounded to it; this processor has instructions for that"
        if has_bfloat16("cpu")
        else "this processor has no instructions for bfloat16, so float32 is used there, too",
        "our single-head and multi-head rungs score from the position and what it found, side by side: "
        "their last matrix is twice as large, hence the parameters",
    ]
    if about:
        notes.append(f"the starting point: {about}; a hook of torch's optimizers keeps the time")
    return Result([Table(COLUMNS, rows)], notes)


def ours(name: str, corpus: str, steps: int, precision: str) -> Measured:
    """Train a rung of ours at the starting point's sizes for `steps` steps."""
    rung = RUNGS[name]
    known = rung.settings()
    plan = rung.plan(
        **{k: v for k, v in SCRIPTS[name].settings.items() if k in known},
        steps=2 * steps,
        learning_rate=1e-3,
        warmup_steps=0,
        decay="constant",
        gradient_clip=0.0,
        precision=precision,
        evaluate_every=100_000,
    )
    data = tasks.text_data(corpora.load(corpus))
    seconds: list[float] = []
    previous: float | None = None
    events = train(plan, data)
    while len(seconds) < steps:
        event, now = next(events), time.perf_counter()
        if isinstance(event, Step):
            if previous is not None:
                seconds.append(now - previous)
            previous = now
        else:  # a sample or a checkpoint came between two steps
            previous = None
    events.close()
    model = rung.model(plan.model, data.tokenizer.vocab_size)
    return Measured(count_parameters(model), seconds)


def theirs(folder: Path, script: Script, steps: int) -> Measured:
    """Run an unmodified script in a copy of the checkout for `steps` steps."""
    stopwatch = str(Path(__file__).with_name("stopwatch.py"))
    command = [sys.executable, "-P", stopwatch, script.path, str(steps)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"{script.path} failed:\n{done.stderr[-2000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _check_sizes(folder: Path, script: Script) -> None:
    """Raise unless the constants of their script equal the settings of our training."""
    tree = ast.parse((folder / script.path).read_text("utf-8"))
    found = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name, value in script.settings.items():
        theirs = found.get("block_size" if name == "context_length" else name)
        if theirs != value:
            raise click.ClickException(f"{script.path}: {name} is {theirs!r} there, not {value}.")


def _rows(name: str, sides: list[list[Measured]], warm_up: int) -> list[list[str]]:
    script = SCRIPTS[name]
    rows, usual = [], []
    owners = (*(f"ours, {precision}" for precision in PRECISIONS), "starting point")
    for whose, measured in zip(owners, sides, strict=False):
        steps = [statistics.median(one.seconds[warm_up:]) for one in measured]
        usual.append(statistics.median(steps))
        shape = f"{script.settings['batch_size']} × {script.settings['context_length']}"
        rows.append(
            [
                RUNGS[name].title,
                shape,
                whose,
                f"{measured[0].parameters:,}",
                spread(steps, 2, 1000),
                spread(script.tokens_per_step / seconds for seconds in steps),
                "",
            ]
        )
    if len(usual) == len(owners):
        for row, seconds in zip(rows, usual[:-1], strict=False):
            row[-1] = times(usual[-1] / seconds)
    return rows


if __name__ == "__main__":
    main()
