"""The result of a sweep on the terminal: a table of its points and, of sizes, the law."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lm import scaling
from lm.ladder import RUNGS
from lm.runs import open_run
from lm.runs.comparing import value
from lm.runs.facts import Facts, facts
from lm.runs.sweeps import Sweep
from lm.wording import duration


def report(described: Sweep, directories: Sequence[Path], as_json: bool) -> None:
    """Print the losses of all points and, of sizes, the law."""
    found = [facts(open_run(directory)) for directory in directories]
    law = _law(found) if described.kind == "scale" else None
    if as_json:
        points = [
            run.to_json() | {"varied": point.settings}
            for point, run in zip(described.points, found, strict=True)
        ]
        told: dict[str, Any] = {"model": described.model, "kind": described.kind, "points": points}
        if described.kind == "scale":
            told["law"] = None if law is None else _law_told(law)
        click.echo(json.dumps(told))
        return
    console = Console()
    console.print(_results(described, found))
    if described.kind == "scale":
        click.echo(scaling.sentence(law))


def _law(found: Sequence[Facts]) -> scaling.Fit | None:
    """The law of sizes of runs that have ended."""
    ended = [run for run in found if run.last]
    return scaling.fit(
        [run.parameters for run in ended], [run.last.loss for run in ended if run.last]
    )


def _law_told(law: scaling.Fit) -> dict[str, Any]:
    return {
        "floor": law.floor,
        "floor_error": law.floor_error,
        "scale": law.scale,
        "exponent": law.exponent,
        "exponent_error": law.exponent_error,
        "predicted_parameters": law.ahead,
        "predicted_loss": law.loss(law.ahead),
        "predicted_error": law.error(law.ahead),
        "doubts": list(law.doubts),
    }


def _results(described: Sweep, found: Sequence[Facts]) -> Table:
    """A row for each point."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    fields = RUNGS[described.model].settings()
    for name in described.varied:
        table.add_column(fields[name].title.lower(), justify="right")
    for column in ("parameters", "best", "last", "time", "status"):
        table.add_column(column, justify="right", no_wrap=True)
    for point, run in zip(described.points, found, strict=True):
        table.add_row(
            *(Text(value(setting)) for setting in point.settings.values()),
            f"{run.parameters:,}",
            f"{run.best.loss:.4f}" if run.best else "–",
            f"{run.last.loss:.4f}" if run.last else "–",
            duration(run.seconds),
            run.status,
        )
    return table
