"""`python -m lm runs` and `import-run`: what the Runs tab of the page shows, without a browser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lm.commands.terminal import notes, working
from lm.errors import RunProblem
from lm.runs import archive
from lm.runs.comparing import differences_of, shortened, verdict
from lm.runs.facts import Facts
from lm.runs.listing import Listing
from lm.wording import duration

INCLUDED = Path(__file__).resolve().parents[2] / "checkpoints"
LOCAL = Path("checkpoints") / "local"
WIDE = 160  # characters that all columns take
NARROW = ("run", "differs", "last", "parameters", "time", "status")  # the columns that always fit
RIGHT = ("best", "last", "parameters", "tokens read", "time", "step")

ORDERS: dict[str, Callable[[Facts], Any]] = {
    "loss": lambda run: run.last.loss if run.last else float("inf"),
    "best": lambda run: run.best.loss if run.best else float("inf"),
    "parameters": lambda run: run.parameters,
    "tokens": lambda run: run.tokens_seen,
    "time": lambda run: run.seconds,
    "when": lambda run: run.created,
    "name": lambda run: run.title,
}


@click.command("runs")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--sort", default="loss", show_default=True, type=click.Choice(list(ORDERS)))
@click.option("--model", help="Only runs of this model.")
@click.option("--text", help="Only runs on texts whose title or name holds these letters.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="The run to compare the others with; the first of the list if left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def runs_command(
    directory: Path | None,
    sort: str,
    model: str | None,
    text: str | None,
    against: Path | None,
    as_json: bool,
) -> None:
    """List runs: what differs, loss, size, time. Of DIRECTORY, or checkpoints/local and those included."""
    listing = Listing()
    found = _found(listing, directory)
    chosen = [run for run in found if _fits(run, model, text)]
    chosen.sort(key=ORDERS[sort])
    base = _one(listing, against) if against else next(iter(chosen), None)
    if as_json:
        click.echo(json.dumps([_record(run, base) for run in chosen], ensure_ascii=False))
        return
    if not chosen:
        click.echo("No runs." if not found else f"None of the {len(found):,} runs fits.")
        return
    assert base is not None
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # goes into a file or a pipe
    console.print(_table(chosen, base, console.width >= WIDE))
    if against:
        for run in chosen:
            if run.directory.resolve() != base.directory.resolve():
                click.echo(f"{run.title}: {verdict(base, run)}")


def _found(listing: Listing, directory: Path | None) -> list[Facts]:
    """The runs of a folder, or the run that it is; notes on those that cannot be read."""
    if directory is None:
        listed = listing.of(LOCAL, INCLUDED)
    elif (directory / "run.json").exists():
        return [_one(listing, directory)]
    elif not directory.is_dir():
        raise RunProblem(f"There is no folder {directory}.")
    else:
        listed = listing.of(directory)
    for problem in listed.problems.values():
        notes.say(problem)
    for run in listed.runs:
        notes.say(run.notice)
    return list(listed.runs)


def _one(listing: Listing, directory: Path) -> Facts:
    """The facts of one run. `RunProblem` if it cannot be read."""
    told = listing.one(directory)
    if isinstance(told, str):
        raise RunProblem(told)
    return told


def _fits(run: Facts, model: str | None, text: str | None) -> bool:
    wanted = (text or "").casefold()
    return model in (None, run.model) and (
        wanted in run.text.casefold() or wanted in run.text_key.casefold()
    )


def _table(runs: list[Facts], base: Facts, wide: bool) -> Table:
    """A row for each run; a narrow terminal has no room for all columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    rows = [_cells(run, base) for run in runs]
    for column in rows[0]:
        if wide or column in NARROW:
            side: Literal["left", "right"] = "right" if column in RIGHT else "left"
            table.add_column(column, justify=side, no_wrap=column != "differs", max_width=30)
    for cells in rows:
        table.add_row(*(Text(cell) for column, cell in cells.items() if wide or column in NARROW))
    return table


def _cells(run: Facts, base: Facts) -> dict[str, str]:
    """The facts of a run by the heading of their column."""
    differs = "·"
    if run.directory.resolve() != base.directory.resolve():
        told = [one for one in differences_of(base, run) if not one.startswith("model ")]
        differs = shortened(told) or ("no setting" if run.model == base.model else "the model")
    return {
        "run": run.title,
        "model": run.model_title,
        "differs": differs,
        "text": run.text,
        "tokens": run.tokens,
        "best": f"{run.best.loss:.4f}" if run.best else "–",
        "last": f"{run.last.loss:.4f}" if run.last else "–",
        "parameters": f"{run.parameters:,}",
        "tokens read": f"{run.tokens_seen:,}",
        "time": duration(run.seconds),
        "step": f"{run.step:,}/{run.steps:,}",
        "status": run.status,
        "began": f"{run.when:%Y-%m-%d}" if run.when else "–",
    }


def _record(run: Facts, base: Facts | None) -> dict[str, Any]:
    """The facts of a run as JSON, with what differs from another."""
    differs = differences_of(base, run) if base else []
    return run.to_json() | {"differs": differs, "from": str(base.directory) if base else None}


@click.command("import-run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The new run directory."
)
def import_run_command(file: Path, out: Path) -> None:
    """Make a run directory of a zip file that `export` wrote, after checking all of it."""
    with working("Importing"):
        run = archive.import_run(file, out.parent, out.name)
    click.echo(f"{run.directory}: {run.plan.rung.title}, step {run.status()[2]:,}")
