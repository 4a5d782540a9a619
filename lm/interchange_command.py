"""`python -m lm import`: a model that others trained as a run directory."""

from pathlib import Path
from typing import Literal

import click

from lm.interchange.importing import find, import_model
from lm.terminal import notes, working


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
