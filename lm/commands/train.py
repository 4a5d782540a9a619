"""`python -m lm train MODEL`: one command for each rung, its flags those of the rung's settings."""

import json
import reprlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import torch

from lm import corpora, ladder, tasks
from lm.commands import flags, train_together, tuning_told
from lm.commands.interruption import Interruption
from lm.commands.progress import unfinished, watch
from lm.commands.terminal import notes, working
from lm.costs.sizes import check_fits
from lm.devices import check_compiles, choose_device
from lm.errors import RunProblem, SettingsProblem
from lm.ladder import PRETRAINED, RUNGS
from lm.plan import Plan, Rung
from lm.runs import Run, going_on, open_run, recording, starting
from lm.runs.lock import WriterLock
from lm.runs.preparation import PreparedText, prepare
from lm.settings import Setting
from lm.training.loop import replay_steps, train
from lm.training.processes.group import Group

EXIT_CODES = """
\b
Exit codes: 0 done · 1 a fault of this program, or no room for its output · 2 a wrong flag or setting ·
3 a text or run that cannot be used · 4 the loss diverged ·
5 --until-val-loss was not reached · 130 interrupted, 143 by SIGTERM, 129 by SIGHUP
"""


class TrainGroup(flags.OneForEachModel):
    """`train MODEL`, with a command for each rung, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the rungs, in the order of the ladder, and that of imported models."""
        return [*RUNGS, PRETRAINED.name]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of one rung."""
        return train_command(ladder.rung(name)) if name in self.list_commands(ctx) else None


@dataclass(frozen=True)
class Ready:
    """A run directory and the data to train it on."""

    run: Run
    data: Any
    resumed: bool = False  # from its last checkpoint
    given: Mapping[str, Any] = field(default_factory=dict)  # what changes if it is resumed


def train_command(rung: Rung) -> click.Command:
    """`train RUNG`, with a flag for each of its settings."""
    defaults = " ".join(flags.flag(s.name, s.default) for s in rung.settings().values())
    recipes = "\n".join(f"  {recipe.name}: {recipe.help}" for recipe in rung.recipes)
    description = f"{rung.idea}\n\n\b\nRecipes:\n{recipes}\n\nDefaults, {rung.usual}: {defaults}"

    @click.command(rung.name, help=description, epilog=EXIT_CODES)
    @click.option(
        "--out", type=click.Path(path_type=Path), required=True, help="The run directory to write."
    )
    @click.option(
        "--recipe",
        type=click.Choice([recipe.name for recipe in rung.recipes]),
        help=f"Settings under a name, {rung.usual} if left out; a flag overrides its.",
    )
    @click.option(
        "--corpus",
        help=_corpora_told(rung),
    )
    @click.option(
        "--until-val-loss", type=float, help="Stop as soon as the validation loss is this low."
    )
    @click.option(
        "--resume",
        is_flag=True,
        help="Resume the run in --out where it stopped; also with other "
        "--steps, --learning-rate or --evaluate-every.",
    )
    @click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
    @click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="Let torch.compile make the kernels: a minute at first, then quicker steps. Nvidia GPUs only.",
    )
    @click.option(
        "--shard",
        "sharded",
        is_flag=True,
        help="With torchrun: each process keeps a part of the weights, for models too large for one.",
    )
    @click.option(
        "--dry-run",
        is_flag=True,
        help="Tell what is trained, the memory and the time, from timing a few steps; train nothing.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
    @flags.options(_settings(rung))
    def command(
        out: Path,
        recipe: str | None,
        corpus: str | None,
        until_val_loss: float | None,
        resume: bool,
        device: str,
        compiled: bool,
        sharded: bool,
        dry_run: bool,
        as_json: bool,
        **values: Any,
    ) -> None:
        given, where = flags.given(values), choose_device(device)
        if compiled:
            check_compiles(where, rung.training.learner)
        if dry_run:
            click.echo(tuning_told.costs(*_prepared(rung, recipe, given, corpus), where))
            return
        make = _resumed if resume else _new
        gathered = train_together.gathered
        with Interruption() as interruption, gathered(where, sharded, interruption) as group:
            where = group.device if group else where
            ready = make(out, rung, recipe, given, corpus, where, group)
            if group and not group.first:
                follow = train_together.follow_first
                follow(out, ready.data, ready.resumed, group, where, compiled)
                return
            _run_training(ready, interruption, where, compiled, until_val_loss, as_json, group)

    return command


def _new(
    out: Path,
    rung: Rung,
    recipe: str | None,
    given: dict[str, Any],
    corpus: str | None,
    device: str,
    group: Group | None,
) -> Ready:
    """A new run directory."""
    plan, prepared = _prepared(rung, recipe, given, corpus)
    snapshots = len(replay_steps(plan))
    whole = group is None or not group.sharded  # else no process needs memory for all of it
    check_fits(plan, prepared.tokenizer.vocab_size, out, snapshots, device if whole else "several")
    if group:
        if prepared.base is not None:
            raise SettingsProblem(
                "Several processes train a model from random numbers only: leave --start out."
            )
        train_together.agree(group, plan, prepared.corpus)
        run = train_together.new_run(group, out, lambda: prepared.new_run(out, plan))
        return Ready(run, prepared.data)
    return Ready(prepared.new_run(out, plan), prepared.data)


def _prepared(
    rung: Rung, recipe: str | None, given: dict[str, Any], corpus: str | None
) -> tuple[Plan, PreparedText]:
    """The plan of a new run, and its text; says where it starts."""
    if corpus is not None:
        given = corpora.tokens_of(corpus) | given
    plan, base = starting.planned(rung, recipe, given)
    pairs = tasks.KINDS[plan.task.task].pairs
    if corpus is None and pairs:
        corpus = corpora.pair_names()[0]
    if corpus is not None and "task" not in given and corpora.holds_pairs(corpus) != pairs:
        plan, base = starting.planned(rung, recipe, given | {"task": _fitting_task(rung, corpus)})
    with working("Loading the text"):
        if corpus is None:
            text: corpora.AnyCorpus
            text, notice = corpora.load_or_synthetic("tiny_shakespeare")
        else:
            text = corpora.load(corpus)
            notice = text.notice
    notes.say(notice)
    if isinstance(text, corpora.TokenCorpus):
        _check_uncounted(plan)
    with working("Counting n-grams") as tell:
        prepared = prepare(text, plan.tokenizer, plan.task, tell=tell, base=base)
    prepared.check(plan.context_length)
    for line in tuning_told.before(plan, prepared):
        notes.say(line)
    return plan, prepared


def _check_uncounted(plan: Plan) -> None:
    """Raise a `SettingsProblem` for a plan that would count all of a text that is too large for memory."""
    if plan.training.learner != "gradient" or plan.training.counted_share():
        raise SettingsProblem(
            "N-grams are counted in memory, and a token file may be larger: choose a model without counts, "
            "or the text itself."
        )


def _settings(rung: Rung) -> list[Setting]:
    """The settings that have a flag; of the task any may be asked for, and the plan says whether it fits."""
    settings = rung.settings()
    return [*(settings | {"task": replace(settings["task"], choices=tuple(tasks.KINDS))}).values()]


def _corpora_told(rung: Rung) -> str:
    """The help of --corpus: the texts or pairs that a model can learn from."""
    texts, pairs = (tasks.fitting(rung.tasks, of_pairs) is not None for of_pairs in (False, True))
    known = (*(corpora.names() if texts else ()), *(corpora.pair_names() if pairs else ()))
    own = ["the path of a UTF-8 text"] * texts + ["the path of pairs in a .tsv file"] * pairs
    return (
        f"What it learns from; {known[0]} if left out. {', '.join(known)}, or {', or '.join(own)}."
    )


def _fitting_task(rung: Rung, corpus: str) -> str:
    """The task for a corpus that does not fit the rung's first one. `SettingsProblem` if there is none."""
    pairs = corpora.holds_pairs(corpus)
    task = tasks.fitting(rung.tasks, pairs)
    if task is None:
        own = ("a file PAIRS.tsv", "two files SOURCE.txt,TARGET.txt")
        needs, other, known = "pairs of lines", "a text", (*corpora.pair_names(), *own)
        if pairs:
            needs, other, known = other, needs, (*corpora.names(), "a text of your own")
        raise SettingsProblem(
            f"{rung.title} learns from {needs}, and {reprlib.repr(corpus)} is {other}: choose "
            f"{', '.join(known)}."
        )
    return task


def _resumed(
    out: Path,
    rung: Rung,
    recipe: str | None,
    given: dict[str, Any],
    corpus: str | None,
    _device: str,
    group: Group | None,
) -> Ready:
    """The run in `out`, to go on from its last checkpoint."""
    run = open_run(out)
    _check_same_recipe(run, rung, recipe, given)
    going_on.check(run, given)
    with working("Loading the text"):
        text = run.corpus(corpus)
        data = tasks.KINDS[run.plan.task.task].load(text, run.tokenizer())
    if group:
        train_together.agree(group, run.plan, text, begun=True)
    return Ready(run, data, resumed=True, given=given)


def _run_training(
    ready: Ready,
    interruption: Interruption,
    device: str,
    compiled: bool,
    until_val_loss: float | None,
    as_json: bool,
    group: Group | None,
) -> None:
    """Train, show the progress, print the result, and exit with the code that it asks for."""
    run = ready.run
    count = torch.get_num_threads()
    threads = f", {count} thread{'s' * (count > 1)}" if device == "cpu" else ""
    processes = f", {group.size} processes" if group and group.size > 1 else ""
    notes.print(
        f"{run.plan.rung.title}: {run.record.parameters:,} parameters, on {run.record.corpus.title}, "
        f"{device}{threads}{processes}"
    )
    with WriterLock(run.directory) as lock:
        if ready.resumed:
            run = going_on.go_on(run, ready.given, lock)
            for change in run.record.changes[len(ready.run.record.changes) :]:
                notes.print(going_on.in_words(change, run.plan.steps))
        resume = recording.rewind(run, lock) if ready.resumed else None
        options: dict[str, Any] = {"device": device, "resume": resume, "compiled": compiled}
        if known := starting.known_of(run):
            options["known"] = known
        if group:
            steps = train_together.events_of(run, ready.data, group, **options)
        else:
            steps = train(run.plan, ready.data, **options)
        events = recording.record(run, steps, lock)
        interruption.last_words = unfinished(resume.step if resume else 0)
        interruption.last_act = lambda: recording.write_status(run.directory, "stopped", 0)
        interruption.can_save = True
        ended = watch(run, events, notes, interruption, until_val_loss)
    evaluations = run.evaluations()
    if ended and evaluations:
        click.echo(_report(run, evaluations[-1], until_val_loss, as_json))
        best = run.best()
        notes.say(tuning_told.after(evaluations))
        if best and best["loss"] < evaluations[-1]["loss"]:
            notes.print(
                f"The lowest validation loss was {best['loss']:.4f}, at step {best['step']:,}: that snapshot "
                f"is kept, too (`sample --step {best['step']}`)."
            )
    if not ended:
        interruption.leave(f"Stopped at step {run.status()[2]:,}; --resume goes on from there.")
    if until_val_loss is not None and evaluations[-1]["loss"] > until_val_loss:
        notes.print(f"The validation loss did not reach {until_val_loss}.")
        sys.exit(5)


def _report(run: Run, last: dict[str, Any], until_val_loss: float | None, as_json: bool) -> str:
    """The result of a run by its last evaluation: a sentence, or one JSON object."""
    tokens = last["step"] * run.record.tokens_per_step
    if not as_json:
        return (
            f"{run.record.model}: validation loss {last['loss']:.4f} nats per character "
            f"({last['bits_per_char']:.4f} bits{_part(last)}){scores_told(last.get('scores', {}))} "
            f"after {last['step']:,} steps, "
            f"{tokens:,} tokens, {last['seconds']:.1f} s of training, in {run.directory}"
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
            "val_characters": last.get("characters"),  # null: the whole split
            **last.get("scores", {}),
            **({"old_loss": last["old_loss"]} if "old_loss" in last else {}),
            "reached": until_val_loss is None or last["loss"] <= until_val_loss,
            "parameters": run.record.parameters,
            "threads": torch.get_num_threads(),
            "corpus": run.record.corpus.name,
            "directory": str(run.directory),
        }
    )


def scores_told(scores: Mapping[str, float]) -> str:
    """What else an evaluation found, after a loss: ", 98.5 % of the lines exactly right, …"."""
    if "exact" not in scores:
        return ""
    told = f", {scores['exact']:.1%} of the lines exactly right, edit distance {scores['edit_distance']:.4f}"
    if "exact_longer" in scores:
        told += f", {scores['exact_longer']:.1%} of longer lines than it learned from"
    return told


def _part(evaluation: dict[str, Any]) -> str:
    """What to say of an evaluation that did not read its whole split."""
    read = evaluation.get("characters")
    return f", over {read:,} evenly spread characters" if read else ""


def _check_same_recipe(run: Run, rung: Rung, recipe: str | None, given: dict[str, Any]) -> None:
    """Raise a `RunProblem` if a run is resumed as another model or by a recipe that it does not follow."""
    if run.record.model != rung.name:
        raise RunProblem(f"{run.directory} holds a {run.record.model}, not a {rung.name}.")
    if recipe is None:
        return
    settings = run.plan.values()
    seed = {"seed": settings["seed"]} if "seed" in settings else {}  # no part of a recipe
    plan = rung.plan(recipe, **seed | given)
    chosen = rung.recipe(recipe).settings if run.plan.start.tunes else plan.values()
    for name, value in plan.values().items():
        if name in chosen and name not in given and settings[name] != value:
            raise going_on.refusal(run.plan, name, value)
