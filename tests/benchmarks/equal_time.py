"""Row 17: the decoder's loss per character after the same seconds, on characters, BPE and Unigram.

A few steps tell how long a step takes; then each contestant trains for as many steps as fit into the time, so
that its learning rate decays to the end.
"""

import shlex
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm import runs
from tests.benchmarks import lm_command
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns

COLUMNS = (
    "tokens",
    "vocabulary",
    "steps",
    "seconds of training",
    "validation loss",
    "parameters",
    "characters a token",
)
TOKENS = ("characters", "bpe:512", "bpe:1024", "bpe:2048", "unigram:1024")
TIMED, FIRST = 25, 5  # steps that are timed, and how many of them do not count


@benchmark("Loss per character after the same seconds, by tokens", rounds=1)
@click.option("--seconds", default=120.0, show_default=True, help="Of training.")
@click.option("--recipe", default="two-minutes", show_default=True, help="Of the decoder.")
@click.option("--tokens", multiple=True, help=f"{' '.join(TOKENS)}, if left out; repeat for more.")
@click.option("--flags", default="", help='Further flags of lm train: "--batch-size 24".')
@click.option("--out", type=click.Path(path_type=Path), help="Keep the runs in this folder.")
def main(
    setup: Setup, seconds: float, recipe: str, tokens: tuple[str, ...], flags: str, out: Path | None
) -> Result:
    """Row 17: whether subwords reach a lower loss than characters in the same time."""
    seconds = 1.0 if setup.quick else seconds
    with TemporaryDirectory() as folder:
        contestants = {
            name: lambda number, name=name: train(
                setup, seconds, recipe, name, flags, (out or Path(folder)) / f"{name}-{number}"
            )
            for name in tokens or (TOKENS[1:2] if setup.quick else TOKENS)
        }
        found = take_turns(setup.rounds, contestants)
        rows = [_row(name, trained) for name, trained in found.items()]
    notes = [f"{seconds:g} s of training each, recipe {recipe} {flags}".strip()]
    return Result([Table(COLUMNS, rows)], notes)


def train(
    setup: Setup, seconds: float, recipe: str, tokens: str, flags: str, out: Path
) -> runs.Run:
    """A run of about so many seconds; `tokens` as "bpe:1024"."""
    kind, _, size = tokens.partition(":")
    words = ["--recipe", recipe, "--tokenizer", kind, *shlex.split(flags)]
    words += ["--vocab-size", size] if size else []
    brief = ["--steps", str(TIMED), "--warmup-steps", "5", "--evaluate-every", "100000"]
    with TemporaryDirectory() as folder:
        timed = lm_command.train(Path(folder) / "run", setup.corpus, *words, *brief)
        step = statistics.median(lm_command.step_seconds(timed)[FIRST:])
    steps = max(10, round(seconds / step))
    planned = ["--steps", str(steps), "--evaluate-every", str(max(1, steps // 10))]
    return lm_command.train(out, setup.corpus, *words, *planned)


def _row(name: str, trained: list[runs.Run]) -> list[str]:
    last = [run.evaluations()[-1] for run in trained]
    run = trained[0]
    text = run.corpus().validation_text
    return [
        name,
        f"{run.record.vocab_size:,}",
        spread(one.plan.steps for one in trained),
        spread((one["seconds"] for one in last), 1),
        spread((one["loss"] for one in last), 4),
        f"{run.record.parameters:,}",
        f"{len(text) / len(run.tokenizer().encode(text)):.2f}",
    ]


if __name__ == "__main__":
    main()
