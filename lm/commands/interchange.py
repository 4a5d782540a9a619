"""`python -m lm import` and `export`: models that others trained as runs, and runs for other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from lm.commands.terminal import notes, working
from lm.errors import SettingsProblem
from lm.interchange import script, to_gguf, to_hugging_face, to_onnx
from lm.interchange.importing import find, import_model
from lm.runs import Run, archive, open_run

# Each writes a run, at a snapshot, to a path, and returns the size in bytes.
FORMATS: dict[str, Callable[[Run, Path, int | None], int]] = {
    "huggingface": to_hugging_face.write,
    "gguf": to_gguf.write,
    "onnx": to_onnx.write,
    "script": script.write,
}


@click.command("import")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The new run directory."
)
@click.option(
    "--weights",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 takes half the memory and the disk, and rounds to three digits.",
)
@click.option(
    "--context-length",
    type=click.IntRange(1),
    help="Tokens that a position can look at; its own number, up to 2048, if left out.",
)
def import_command(
    name: str, out: Path, weights: Literal["float32", "bfloat16"], context_length: int | None
) -> None:
    """Make a run of a model that others trained: GPT-2, Llama, and those built like them.

    NAME is a folder as transformers writes it, a GGUF file, a name of the Hugging Face hub, or smollm2.
    """
    with working("Looking for the model"):
        found = find(
            name, weights, context_length, tell=lambda what: notes.print(what, markup=False)
        )
    with working("Importing"):
        run = import_model(found, out)
    click.echo(
        f"{run.directory}: {found.title}, {run.record.parameters:,} parameters, licence: {found.licence}"
    )


@click.command("export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "kind",
    default="zip",
    show_default=True,
    type=click.Choice(["zip", *FORMATS]),
    help="zip: the whole run in one file, for import-run. huggingface: a folder that transformers loads. "
    "gguf: a file for llama.cpp. onnx: a folder with a graph for onnxruntime. "
    "script: a folder with one Python file that needs torch alone, and the weights.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The file or folder to write."
)
@click.option("--step", type=int, help="The snapshot nearest to this step, not the last.")
def export_command(directory: Path, kind: str, out: Path, step: int | None) -> None:
    """Write a run for other programs, or into one file."""
    run = open_run(directory)
    if kind == "zip" and step is not None:
        raise SettingsProblem("A zip file holds all snapshots: leave --step out.")
    with working("Exporting"):
        size = FORMATS[kind](run, out, step) if kind != "zip" else archive.export_run(run, out)
    click.echo(f"{out}: {size / 1e6:.2f} MB")
