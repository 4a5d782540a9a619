"""Row 1: seconds of training to a validation loss of 1.88, in turns with nanoGPT's CPU recipe."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lm.devices import has_bfloat16
from tests.benchmarks import checkouts, nanogpt, time_to_loss
from tests.benchmarks.report import Result, Setup, Table, benchmark, take_turns
from tests.benchmarks.time_to_loss import COLUMNS, NOTE, QUICK_TARGET, Outcome


@benchmark("Seconds of training to a validation loss of 1.88")
@click.option("--nanogpt", "checkout", type=checkouts.FOLDER, help="An unmodified checkout.")
@click.option("--recipe", default="speedrun", show_default=True, help="Of the decoder.")
@click.option("--target", default=1.88, show_default=True, help="Nats per character.")
def main(setup: Setup, checkout: Path | None, recipe: str, target: float) -> Result:
    """Row 1: the recipe `speedrun` against nanoGPT's CPU recipe, to the same exact loss."""
    target = QUICK_TARGET if setup.quick else target
    about = checkouts.commit(checkout, "train.py") if checkout else None
    with TemporaryDirectory() as name:
        folder = Path(name)
        contestants = {
            recipe: lambda number: time_to_loss.train(
                setup, recipe, target, folder / f"ours-{number}", number
            )
        }
        if checkout:
            contestants["nanoGPT"] = lambda number: _nanogpt(
                setup, checkout, folder / f"nanogpt-{number}", target
            )
        found = take_turns(setup.rounds, contestants)
    rows = [time_to_loss.row(contestant, found[contestant]) for contestant in found]
    rounded = (
        "rounded to bfloat16"
        if has_bfloat16("cpu")
        else "in float32, the processor having no bfloat16"
    )
    notes = [
        f"our matrix products: {rounded}",
        f"target: {target}; our seeds are 1, 2, 3 …, nanoGPT's is fixed",
        NOTE,
    ]
    if about:
        speedup = time_to_loss.ratio(found[recipe], found["nanoGPT"])
        rows.append(["nanoGPT / ours", "", "", "", "", speedup])
        notes.append(
            f"nanoGPT: {about}; its README's recipe for a CPU, with a checkpoint every 50 steps, each "
            "evaluated exactly; its own log gives the time of each iteration, and one with an evaluation "
            "in it counts as a median one"
        )
    return Result([Table(COLUMNS, rows)], notes)


def _nanogpt(setup: Setup, checkout: Path, into: Path, target: float) -> Outcome:
    folder = nanogpt.prepare(checkout, into, setup.text())
    steps, every, eval_iters = (20, 10, 1) if setup.quick else (2000, 50, 20)
    training = nanogpt.train(folder, steps=steps, every=every, eval_iters=eval_iters)
    step, loss = nanogpt.reach(folder, training, target)
    return Outcome(
        seconds=training.seconds_until(step),
        steps=step,
        tokens=step * nanogpt.BATCH * nanogpt.CONTEXT,
        loss=loss,
        reached=loss <= target,
    )


if __name__ == "__main__":
    main()
