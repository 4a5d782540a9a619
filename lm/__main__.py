"""The command line: the page's work without a browser. `python -m lm --help` teaches the rest.

Flags are made from the fields of the config classes (`lm/settings.py`); none is written here.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console

from lm import corpora, ngrams, runs
from lm.devices import choose_device, one_thread
from lm.errors import CorpusProblem, Diverged, Problem, RunProblem
from lm.evaluation import evaluate as evaluate_model
from lm.generation import SamplingConfig, generate
from lm.ladder import RUNGS
from lm.plan import CLASSIC, Rung
from lm.progress import watch
from lm.runs import packing, recording
from lm.settings import Setting, Settings, describe
from lm.sizes import count_parameters
from lm.tokenizers import CharacterTokenizer
from lm.training.loop import check_fits, first_token, train

EXIT_CODES = """
\b
Exit codes: 0 done · 1 a fault of this program · 2 a wrong flag or setting ·
3 a text or run that cannot be used · 4 the loss ran away ·
5 --until-val-loss was not reached · 130 interrupted
"""
_notes = Console(stderr=True, highlight=False)  # what a person reads; results go to stdout


class _Group(click.Group):
    """A group of commands that turns every `Problem` into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Problem as problem:
            _notes.print(f"Error: {problem}", markup=False, soft_wrap=True)
            unusable = isinstance(problem, CorpusProblem | RunProblem)
            ctx.exit(4 if isinstance(problem, Diverged) else 3 if unusable else 2)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Group, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
def main() -> None:
    """Train small language models from scratch, one idea at a time, and look at what they learned.

    \b
    A first walk up the ladder:
      python -m lm models
      python -m lm train bigram --out checkpoints/local/first
      python -m lm evaluate checkpoints/local/first
      python -m lm sample checkpoints/local/first --prompt "ROMEO:"
    """


@main.command()
def models() -> None:
    """List the rungs of the ladder: what each adds, its size, its settings."""
    for number, rung in enumerate(RUNGS.values()):
        with torch.device("meta"):
            parameters = count_parameters(rung.model(rung.config(), 65))
        settings = " · ".join(f"{s.title.lower()} {s.default}" for s in describe(rung.config))
        click.echo(f"{number}  {rung.name}\n   {rung.idea}")
        click.echo(f"   {parameters:,} parameters at 65 characters · {settings}")


@main.group(name="train", cls=_Group, subcommand_metavar="MODEL --out DIR [SETTINGS]")
def train_group() -> None:
    """Train a model and write a run directory; `train MODEL --help` lists its settings."""


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--corpus", help="The text, if it is no longer where the run found it.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(directory: Path, corpus: str | None, device: str, as_json: bool) -> None:
    """The loss of a run over the whole validation split, exactly."""
    run = runs.open_run(directory)
    text = run.corpus(corpus)
    model, step = run.model()
    where = choose_device(device)
    tokens = torch.from_numpy(run.tokenizer().encode(text.validation_text)).to(where)
    result = evaluate_model(
        model.to(where),
        tokens,
        run.plan.context_length,
        characters=len(text.validation_text) - 1,
    )
    record = {
        "model": run.record.model,
        "val_loss": result.loss,
        "bits_per_char": result.bits_per_char,
        "context_length": run.plan.context_length,
        "parameters": run.record.parameters,
        "tokens": result.tokens,
        "step": step,
        "corpus": text.name,
    }
    if as_json:
        click.echo(json.dumps(record))
        return
    click.echo(
        f"{run.plan.rung.title}, step {step:,}: validation loss {result.loss:.4f} nats per "
        f"character, {result.bits_per_char:.4f} bits per character\n"
        f"over {result.tokens:,} characters of {text.title}, context length "
        f"{run.plan.context_length}, {run.record.parameters:,} parameters"
    )


@main.command()
@click.argument("name", required=False)
@click.option("--text", is_flag=True, help="Print the text itself.")
def corpora_command(name: str | None, text: bool) -> None:
    """List the texts to learn from; with a NAME or a path, fetch it and describe it."""
    if name is None:
        for built_in in corpora.names():
            click.echo(built_in)
        click.echo("or the path of your own UTF-8 text")
        return
    corpus = corpora.load(name)
    if text:
        sys.stdout.write(corpus.text)
        return
    alphabet = CharacterTokenizer.from_text(corpus.text)
    click.echo(f"{corpus.title}: {corpus.description}")
    click.echo(
        f"{len(corpus.text):,} characters, {alphabet.vocab_size} distinct; the first "
        f"{len(corpus.train_text):,} to learn from, the last {len(corpus.validation_text):,} to check"
    )
    for label, loss in _baselines(corpus, alphabet).items():
        click.echo(f"  {label:8} {loss:.3f} nats per character")
    if corpus.floor is not None:
        click.echo(f"  floor    {corpus.floor:.3f}, which no model can beat")


corpora_command.name = "corpora"


def _settings_options(*classes: type[Settings]) -> Callable[[Any], Any]:
    """Click options for every field of some config classes."""

    def decorate(command: Any) -> Any:
        for field in reversed([field for settings in classes for field in describe(settings)]):
            command = _option(field)(command)
        return command

    return decorate


def _option(field: Setting) -> Callable[[Any], Any]:
    flag = "--" + field.name.replace("_", "-")
    text = field.help.rstrip(".")
    if field.minimum is not None and field.maximum is not None:
        text += f"; {field.minimum:g} to {field.maximum:,.10g}"
    if field.kind == "bool":
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=text)
    kind: Any = {"int": click.INT, "float": click.FLOAT}.get(field.kind)
    if field.kind == "choice":
        kind = click.Choice(field.choices)
    return click.option(flag, type=kind, default=None, help=text)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--prompt", help="The text to continue; a new line if left out.")
@click.option(
    "--step", type=int, help="Write as the model did at the snapshot nearest to this step."
)
@_settings_options(SamplingConfig)
def sample(directory: Path, prompt: str | None, step: int | None, **values: Any) -> None:
    """Let a trained model write."""
    run = runs.open_run(directory)
    sampling = SamplingConfig.make(**_given(values))
    tokenizer = run.tokenizer()
    if prompt is None:  # a text without line ends begins with its first character
        prompt = tokenizer.decode(first_token(tokenizer))
    ids = torch.from_numpy(tokenizer.encode(prompt))
    model, _ = run.model(step)
    click.echo(prompt, nl=False)
    with one_thread():
        for token in generate(model, ids, run.plan.context_length, sampling):
            click.echo(tokenizer.token_text(token.id), nl=False)
    click.echo()


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder.")
@click.option("--snapshots", default=6, show_default=True, help="How many snapshots to keep.")
@click.option("--note", default="", help="A line about the run, for whoever opens it.")
def pack(directory: Path, out: Path, snapshots: int, note: str) -> None:
    """A small copy of a finished run, to ship: fewer snapshots, a byte a weight, and a card."""
    size = packing.pack(runs.open_run(directory), out, snapshots, note)
    click.echo(f"{out}: {size / 1e6:.2f} MB")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _train_command(rung: Rung) -> click.Command:
    """`train RUNG`, with a flag for each of its settings."""
    defaults = " ".join(
        _flag(name, value)
        for settings in (rung.config(), rung.training)
        for name, value in settings.model_dump().items()
    )
    recipes = "\n".join(f"  {recipe.name}: {recipe.help}" for recipe in rung.recipes)
    description = f"{rung.idea}\n\n\b\nRecipes:\n{recipes}\n\nDefaults: {defaults}"

    @click.command(rung.name, help=description, epilog=EXIT_CODES)
    @click.option(
        "--out", type=click.Path(path_type=Path), required=True, help="The run directory to write."
    )
    @click.option(
        "--recipe",
        type=click.Choice([recipe.name for recipe in rung.recipes]),
        help="Settings under a name; a flag overrides its.",
    )
    @click.option(
        "--corpus",
        help="The text; tiny_shakespeare if left out. "
        f"{', '.join(corpora.names())}, or the path of a UTF-8 text.",
    )
    @click.option(
        "--until-val-loss", type=float, help="Stop as soon as the validation loss is this low."
    )
    @click.option("--resume", is_flag=True, help="Go on with the run in --out where it stopped.")
    @click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
    @_settings_options(rung.config, type(rung.training))
    def command(
        out: Path,
        recipe: str | None,
        corpus: str | None,
        until_val_loss: float | None,
        resume: bool,
        device: str,
        as_json: bool,
        **values: Any,
    ) -> None:
        given = _given(values)
        where = choose_device(device)
        if resume:
            run = runs.open_run(out)
            _same_settings(run, rung, recipe, given)
            text = run.corpus(corpus)
            data = runs.data_for(text, run.tokenizer())
            checkpoint = recording.rewind(run)
        else:
            plan = rung.plan(recipe or CLASSIC.name, **given)
            if corpus is None:
                text, notice = corpora.load_or_synthetic("tiny_shakespeare")
                if notice:
                    _notes.print(notice, markup=False, soft_wrap=True)
            else:
                text = corpora.load(corpus)
            tokenizer = CharacterTokenizer.from_text(text.text)
            data = runs.data_for(text, tokenizer)
            check_fits(plan, len(data.train), len(data.validation))
            pairs = ngrams.bigram_table(data.train.numpy(), tokenizer.vocab_size)
            run = recording.create(out, plan, text, tokenizer, _baselines(text, tokenizer), pairs)
            checkpoint = None
        events = recording.record(run, train(run.plan, data, device=where, resume=checkpoint))
        threads = f", {torch.get_num_threads()} threads" if where == "cpu" else ""
        _notes.print(
            f"{rung.title}: {run.record.parameters:,} parameters, {len(data.train):,} tokens to learn "
            f"from, on {where}{threads}"
        )
        ended = watch(run, events, _notes, until_val_loss)
        evaluations = [line for line in run.metrics() if line["type"] == "evaluation"]
        if ended and evaluations:
            click.echo(_report(run, evaluations[-1], until_val_loss, as_json))
        if not ended:
            step = run.status()[2]
            _notes.print(f"Stopped at step {step:,}; --resume goes on from there.")
            sys.exit(130)
        if until_val_loss is not None and evaluations[-1]["loss"] > until_val_loss:
            _notes.print(f"The validation loss did not reach {until_val_loss}.")
            sys.exit(5)

    return command


def _report(
    run: runs.Run, last: dict[str, Any], until_val_loss: float | None, as_json: bool
) -> str:
    """What came of a run, by its last evaluation: a sentence, or one JSON object."""
    tokens = last["step"] * run.record.tokens_per_step
    if not as_json:
        return (
            f"{run.record.model}: validation loss {last['loss']:.4f} nats per character "
            f"({last['bits_per_char']:.4f} bits) after {last['step']:,} steps, {tokens:,} tokens, "
            f"{last['seconds']:.1f} s of training, in {run.directory}"
        )
    return json.dumps(
        {
            "model": run.record.model,
            "recipe": run.record.recipe,
            "seconds": last["seconds"],
            "steps": last["step"],
            "tokens": tokens,
            "val_loss": last["loss"],
            "bits_per_char": last["bits_per_char"],
            "reached": until_val_loss is None or last["loss"] <= until_val_loss,
            "parameters": run.record.parameters,
            "threads": torch.get_num_threads(),
            "corpus": run.record.corpus.name,
            "directory": str(run.directory),
        }
    )


def _flag(name: str, value: Any) -> str:
    """What to type for a setting to have a value."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag} {value}"


def _same_settings(run: runs.Run, rung: Rung, recipe: str | None, given: dict[str, Any]) -> None:
    """A resumed run keeps its settings; say so if a flag asks for others."""
    if run.record.model != rung.name:
        raise RunProblem(f"{run.directory} holds a {run.record.model}, not a {rung.name}.")
    settings = run.plan.config.model_dump() | run.plan.training.model_dump()
    wanted = dict(given)
    if recipe is not None:
        seed = {"seed": settings["seed"]} if "seed" in settings else {}  # no part of a recipe
        plan = rung.plan(recipe, **seed | given)
        wanted = plan.config.model_dump() | plan.training.model_dump()
    for name, value in wanted.items():
        if settings[name] != value:
            raise RunProblem(
                f"{run.directory} was begun with {name} {settings[name]}, not {value}: a resumed run "
                "keeps its settings. Leave the flag out, or begin a new run."
            )


def _baselines(corpus: corpora.Corpus, tokenizer: CharacterTokenizer) -> dict[str, float]:
    return ngrams.baselines(
        tokenizer.encode(corpus.train_text),
        tokenizer.encode(corpus.validation_text),
        tokenizer.vocab_size,
    )


for _rung in RUNGS.values():
    train_group.add_command(_train_command(_rung))

if __name__ == "__main__":
    main(prog_name="python -m lm")
