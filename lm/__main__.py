"""The command line: all that the page does, without a browser. `python -m lm --help` lists the commands.

Flags are made from the fields of the config classes (`lm/commands/flags.py`); each larger command has
a file in `lm/commands/`.
"""

import signal

if __name__ == "__main__":  # until `interruption` is here, Ctrl-C ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from lm.commands import interruption
from lm.openmp import WAITING

os.environ.update(WAITING | os.environ)
if __name__ == "__main__":
    interruption.exit_at_once()  # the imports below take seconds

import click
import numpy as np
import torch

from lm import corpora, ladder, tasks
from lm.commands import flags, terminal
from lm.commands.interchange import export_command, import_command
from lm.commands.pairs_told import corpus_told, rewritten
from lm.commands.plan import PlanGroup
from lm.commands.runs import import_run_command, runs_command
from lm.commands.sweep import sweep_group
from lm.commands.terminal import notes, working
from lm.commands.token_file_made import token_file_made
from lm.commands.train import EXIT_CODES, TrainGroup, scores_told
from lm.corpora import own_text
from lm.costs.sizes import count_parameters, outline
from lm.devices import choose_device, one_thread
from lm.errors import Problem, SettingsProblem, UnknownCharacter, exit_code
from lm.evaluation import result_of
from lm.generation import SamplingConfig, generate
from lm.inside.by_position import ByPosition, by_position, doubling, drawn, verdict
from lm.interchange.chat import chat_of
from lm.prompt import Begun, Prompt
from lm.rewriting import Rewriter
from lm.runs import open_run, packing, sweeps
from lm.settings import describe
from lm.tasks.continue_text import first_token
from lm.tokenizers import CharacterTokenizer, Tokenizer, TokenizerConfig
from lm.tokenizers.streaming import Stream
from lm.wording import tokens_told


class Commands(click.Group):
    """A group of commands that turns every `Problem` into one line and an exit code."""

    def main(self, *arguments: Any, **extra: Any) -> Any:
        """As `click.Group.main`, on a console of any encoding."""
        terminal.accept_any_encoding()
        try:
            return super().main(*arguments, **extra)
        except OSError as error:
            if not terminal.lost_output(error):
                raise
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError:  # `torchrun` starts several processes with the same words
            if os.environ.get("RANK", "0") == "0":
                raise
            ctx.exit(2)
        except BrokenPipeError:  # whoever reads stdout, such as `head`, has read enough
            terminal.discard_output()
        except Problem as problem:
            notes.say(f"Error: {problem}")
            ctx.exit(exit_code(problem))
        except KeyboardInterrupt:
            interruption.ignore()  # a second Ctrl-C: the end takes a moment
            notes.print("Interrupted.")
            ctx.exit(130)


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
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
    for number, rung in enumerate(ladder.RUNGS.values()):
        parameters = count_parameters(outline(rung.plan(), 65))
        settings = " · ".join(f"{s.title.lower()} {s.default}" for s in describe(rung.config))
        click.echo(f"{number}  {rung.name}\n   {rung.idea}")
        click.echo(f"   {parameters:,} parameters at 65 characters · {settings}")


@main.group(name="train", cls=TrainGroup, subcommand_metavar="MODEL --out DIR [SETTINGS]")
def train_group() -> None:
    """Train a model and write a run directory; `train MODEL --help` lists its settings."""


@main.group(name="plan", cls=PlanGroup, subcommand_metavar="MODEL [SETTINGS]")
def plan_group() -> None:
    """What training a model would take: operations, memory, days. `gpt2`, `gpt3`, or one of the ladder."""


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--corpus", help="The text, if the run's own is no longer in its place.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
@click.option(
    "--by-position",
    "positions",
    is_flag=True,
    help="Also the loss by position in the context: does the model use the far past?",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    directory: Path, corpus: str | None, device: str, positions: bool, as_json: bool
) -> None:
    """The exact loss of a run over the validation split."""
    run = open_run(directory)
    where = choose_device(device)
    kind = tasks.KINDS[run.plan.task.task]
    if positions and kind.pairs:
        raise SettingsProblem("Lines have no far past: --by-position is for a model that goes on.")
    with working("Loading the text"):
        text = run.corpus(corpus)
        task = kind(kind.load(text, run.tokenizer()), run.plan.context_length, where)
    notes.say(text.notice)
    with working("Loading the model"):
        model, step = run.model()
    with working("Evaluating") as tell:
        result = result_of(task.evaluate(model.to(where)), tell)
    found: ByPosition | None = None
    if positions and isinstance(task, tasks.ContinueText):
        with working("Evaluating by position") as tell:
            T = run.plan.context_length
            for found in by_position(model, task.validation, T, task.vocab_size):
                tell(found.share)
    record = {
        "model": run.record.model,
        "val_loss": result.loss,
        "bits_per_char": result.bits_per_char,
        "context_length": run.plan.context_length,
        "parameters": run.record.parameters,
        "tokens": result.tokens,
        "characters": result.characters,
        "whole_split": result.whole,
        "step": step,
        "corpus": text.name,
    }
    if found is not None:
        record["by_position"] = [[g.first, g.last, g.loss] for g in doubling(found.losses)]
    if as_json:
        click.echo(json.dumps(record | dict(result.scores)))
        return
    context = tokens_told(run.plan.context_length, result.characters / result.tokens)
    click.echo(
        f"{run.plan.rung.title}, step {step:,}: validation loss {result.loss:.4f} nats per "
        f"character, {result.bits_per_char:.4f} bits per character"
        f"{scores_told(result.scores)}\n"
        f"over {result.characters:,} {'' if result.whole else 'evenly spread '}characters of {text.title}, "
        f"context length {context}, {run.record.parameters:,} parameters"
    )
    if found is not None:
        click.echo("Loss by position in the context, nats per token:")
        click.echo("\n".join([*drawn(found.losses), verdict(found)]))


@main.command()
@click.argument("name", required=False)
@click.option("--text", is_flag=True, help="Print the text itself.")
@click.option(
    "--tokens",
    type=click.Path(path_type=Path),
    help="Make a token file of a text too large for memory: train with --corpus and its name.",
)
@flags.options(describe(TokenizerConfig))
def corpora_command(name: str | None, text: bool, tokens: Path | None, **values: Any) -> None:
    """List the texts to learn from; with a NAME or a path, load one and describe it."""
    if tokens is not None:
        click.echo(token_file_made(name, tokens, flags.given(values)))
        return
    if name is None:
        for built_in in corpora.names():
            click.echo(built_in)
        click.echo("or the path of your own UTF-8 text; of pairs of lines:")
        for built_in in corpora.pair_names():
            click.echo(built_in)
        click.echo("or a file PAIRS.tsv, or two files SOURCE.txt,TARGET.txt")
        return
    with working("Loading the text"):
        corpus = corpora.load(name)
    notes.say(corpus.notice)
    if text:
        click.echo(corpus.text, nl=False)
        return
    alphabet = CharacterTokenizer.from_text(corpus.text)
    click.echo(f"{corpus.title}: {corpus.description}")
    if isinstance(corpus, corpora.PairCorpus):
        kind: type[tasks.Task] = tasks.Rewrite
        click.echo(corpus_told(corpus, alphabet.vocab_size))
    else:
        kind = tasks.ContinueText
        click.echo(
            f"{len(corpus.text):,} characters, {alphabet.vocab_size} distinct; the first "
            f"{len(corpus.train_text):,} to learn from, the last {len(corpus.validation_text):,} to check"
        )
    with working("Counting n-grams") as tell:
        baselines = kind.baselines(corpus, tell)
    for label, loss in baselines.items():
        click.echo(f"  {label:8} {loss:.3f} nats per character")
    if corpus.floor is not None:
        click.echo(f"  floor    {corpus.floor:.3f}, which no model can beat")


corpora_command.name = "corpora"


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--prompt",
    "--source",
    help="The text to continue, or the line to rewrite; - reads it from standard input.",
)
@click.option(
    "--prompt-file",
    type=click.Path(path_type=Path),
    help="A file of UTF-8 text to continue.",
)
@click.option(
    "--beams",
    type=click.IntRange(1, 50),
    help="Of a model that rewrites lines: so many likely answers, with their probabilities.",
)
@click.option(
    "--step", type=int, help="Write with the snapshot nearest to this step, not with the last."
)
@click.option(
    "--chat",
    is_flag=True,
    help="Of an imported model that has a chat template: answer the prompt, until the answer ends.",
)
@flags.options(describe(SamplingConfig))
def sample(
    directory: Path,
    prompt: str | None,
    prompt_file: Path | None,
    beams: int | None,
    step: int | None,
    chat: bool,
    **values: Any,
) -> None:
    """Let a trained model write: go on with a text, or rewrite a line."""
    run = open_run(directory)
    tokenizer = run.tokenizer()
    if tasks.KINDS[run.plan.task.task].pairs:
        line = _prompt(prompt, prompt_file)
        with working("Loading the model"):
            rewriter = Rewriter(run.model(step)[0], tokenizer, run.plan.context_length)
        with one_thread():
            click.echo(rewritten(rewriter, line, beams, flags.given(values)))
        return
    if beams is not None:
        raise SettingsProblem(
            "Beams are for a model that rewrites lines; this one continues a text."
        )
    sampling = SamplingConfig.make(**flags.given(values))
    template = chat_of(run)
    if chat:
        question = template.render(
            [{"role": "user", "content": _prompt(prompt, prompt_file) or ""}]
        )
        prompt, ids, rest = "", tokenizer.encode(question), b""
    else:
        prompt, ids, rest = _encoded(tokenizer, prompt, prompt_file)
    with working("Loading the model"):
        model, _ = run.model(step)
    click.echo(prompt, nl=False)
    with one_thread():
        begun, stream = Begun(tokenizer, rest), Stream(tokenizer, skip=len(rest))
        context = run.plan.context_length
        for token in generate(model, torch.from_numpy(ids), context, sampling, begun):
            if token.id == template.end_id(tokenizer):
                break
            click.echo(stream.text(token.id), nl=False)
    click.echo()


def _encoded(
    tokenizer: Tokenizer, prompt: str | None, file: Path | None
) -> tuple[str, np.ndarray, bytes]:
    """The prompt from the flag, a file or stdin, its ids, (T,), and the rest that is to be spelled.

    A line end if there is no prompt.
    """
    text = _prompt(prompt, file)
    if text is None:
        start = first_token(tokenizer)
        return tokenizer.decode(start), start, b""
    text = text.replace("\r\n", "\n")
    hint = ""
    if text == prompt and (typed := re.search(r"\\[nt]", prompt)):
        hint = (
            f"The prompt holds a backslash and the letter {typed[0][1]}, which are two characters: for a "
            "line end, write --prompt $'…\\n…' in bash, or use --prompt-file, or --prompt - with a pipe."
        )
    try:
        begin = Prompt.of(tokenizer, text)
    except UnknownCharacter as problem:
        raise UnknownCharacter(f"{problem} {hint}".strip()) from None
    notes.say(hint)
    ids = begin.ids if len(begin.ids) or not text else first_token(tokenizer)
    return text, ids, begin.rest


def _prompt(prompt: str | None, file: Path | None) -> str | None:
    """The text of the flag, of a file or of stdin; None if none is given."""
    if prompt is not None and file is not None:
        raise SettingsProblem("There are two prompts: give --prompt or --prompt-file.")
    if file is not None:
        return own_text.decode(own_text.read(file), str(file))
    return _from_stdin() if prompt == "-" else prompt


def _from_stdin() -> str:
    """The text on stdin."""
    try:
        return "" if sys.stdin is None else sys.stdin.read()
    except UnicodeDecodeError as error:
        raise SettingsProblem(
            f"The text on standard input is not {error.encoding}: use --prompt-file with a UTF-8 file."
        ) from None


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new folder.")
@click.option("--snapshots", default=6, show_default=True, help="How many snapshots to keep.")
@click.option("--note", default="", help="A line about the run, for its card.")
def pack(directory: Path, out: Path, snapshots: int, note: str) -> None:
    """Make a small copy of a run or a sweep, to ship: fewer snapshots, a byte for each weight, a card."""
    with working("Packing"):
        if sweeps.saved(directory) is None:
            size = packing.pack(open_run(directory), out, snapshots, note)
        else:
            size = sweeps.pack(directory, out, snapshots, note)
    click.echo(f"{out}: {size / 1e6:.2f} MB")


for further in (runs_command, sweep_group, export_command, import_command, import_run_command):
    main.add_command(further)

if __name__ == "__main__":
    interruption.as_usual()
    main(prog_name="python -m lm")
