"""`python -m lm sweep MODEL`: several runs, one after the other, that differ in a setting or two or in size."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from lm import corpora, sweep
from lm.commands import flags, sweep_report
from lm.commands.interruption import Interruption
from lm.commands.progress import unfinished, watch
from lm.commands.terminal import notes, working
from lm.commands.train import EXIT_CODES
from lm.costs import flops
from lm.costs.pace import seconds_of
from lm.costs.sizes import check_fits, count_parameters, outline
from lm.devices import choose_device
from lm.errors import RunProblem, SettingsProblem
from lm.ladder import RUNGS
from lm.plan import Rung
from lm.runs import Run, open_run, recording
from lm.runs.facts import facts
from lm.runs.lock import WriterLock
from lm.runs.preparation import PreparedText, prepare
from lm.runs.sweeps import SavedPoint, Sweep, save
from lm.sweep import Point
from lm.training.loop import replay_steps, train
from lm.wording import duration

BETWEEN = "Stopped between two runs; the same command goes on from there."


class SweepGroup(flags.OneForEachModel):
    """`sweep MODEL`, with a command for each model, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the models, in the order of the ladder."""
        return list(RUNGS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of one model."""
        return sweep_command(RUNGS[name]) if name in RUNGS else None


@click.group(
    name="sweep", cls=SweepGroup, subcommand_metavar="MODEL --out DIR --vary n_layer=1,2,4"
)
def sweep_group() -> None:
    """Train several runs that differ in one or two settings, or in size; `sweep MODEL --help` lists all."""


@dataclass(frozen=True)
class Ready:
    """A point, its text made ready, and the run that it has so far."""

    point: Point
    text: PreparedText
    directory: Path
    run: Run | None

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.run is not None and self.run.status()[0] == "finished"

    @property
    def parameters(self) -> int:
        """Of its model."""
        return count_parameters(outline(self.point.plan, self.text.tokenizer.vocab_size))


def sweep_command(rung: Rung) -> click.Command:
    """`sweep RUNG`, with a flag for each setting, which holds for all runs."""

    @click.command(rung.name, epilog=EXIT_CODES)
    @click.option(
        "--out", type=click.Path(path_type=Path), required=True, help="The folder of the sweep."
    )
    @click.option(
        "--vary",
        multiple=True,
        metavar="SETTING=A,B,…",
        help="A setting and its values; twice for all combinations of two settings.",
    )
    @click.option(
        "--scale",
        type=int,
        metavar="N",
        help="So many sizes, evenly spaced in log parameters, depth and width together.",
    )
    @click.option("--smallest", default=3_000, show_default=True, help="Parameters, with --scale.")
    @click.option(
        "--largest", default=1_000_000, show_default=True, help="Parameters, with --scale."
    )
    @click.option(
        "--most", default=sweep.MOST, show_default=True, help="Refuse more runs than this."
    )
    @click.option("--dry-run", is_flag=True, help="Only tell what it would cost.")
    @click.option(
        "--recipe",
        type=click.Choice([recipe.name for recipe in rung.recipes]),
        default=rung.usual,
        show_default=True,
        help="Settings under a name; a flag overrides its.",
    )
    @click.option("--corpus", help="The text; tiny_shakespeare if left out.")
    @click.option("--device", default="auto", show_default=True, help="auto, cuda, mps or cpu.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
    @flags.options(rung.settings().values())
    def command(
        out: Path,
        vary: tuple[str, ...],
        scale: int | None,
        smallest: int,
        largest: int,
        most: int,
        dry_run: bool,
        recipe: str,
        corpus: str | None,
        device: str,
        as_json: bool,
        **values: Any,
    ) -> None:
        given, where = flags.given(values), choose_device(device)
        if bool(vary) == (scale is not None):
            raise SettingsProblem(
                "Say what differs: --vary n_layer=1,2,4, or --scale 6 for models of growing size."
            )
        varied = sweep.parse(rung, vary)
        with _allowing_more():
            points = sweep.points(rung, varied, recipe, given, most) if varied else []
        with Interruption() as interruption:
            texts = _Texts(corpus)
            if scale is not None:
                size = texts.of(rung.plan(recipe, **given)).tokenizer.vocab_size
                ends = {"smallest": smallest, "largest": largest, "most": most}
                with _allowing_more():
                    points = sweep.sizes(rung, scale, size, recipe=recipe, given=given, **ends)
            ready = [_ready(point, texts, out) for point in points]
            _check_fit(ready, out, where)
            _tell_costs(ready, where)
            if dry_run:
                return
            kind = "vary" if varied else "scale"
            described = _described(rung, kind, recipe, given, ready)
            save(out, described)
            _train_all(ready, interruption, where)
        sweep_report.report(described, [one.directory for one in ready], as_json)

    command.help = (
        f"Train several runs of {rung.title} that differ in one or two settings, or in size.\n\n"
        "What they will cost is told before they start. The same command again goes on where it was stopped; "
        "runs that have ended are kept."
    )
    return command


@contextlib.contextmanager
def _allowing_more() -> Iterator[None]:
    """Name the flag that allows more runs, where a sweep has too many."""
    try:
        yield
    except sweep.TooManyRuns as problem:
        raise SettingsProblem(f"{str(problem)[:-1]}, or allow more with --most.") from None


class _Texts:
    """The text of a sweep, made ready once for each tokenizer and task."""

    def __init__(self, name: str | None) -> None:
        with working("Loading the text"):
            if name is None:
                self.corpus, notice = corpora.load_or_synthetic("tiny_shakespeare")
            else:
                self.corpus = corpora.load(name)
                notice = self.corpus.notice
        notes.say(notice)
        self._prepared: dict[Any, PreparedText] = {}

    def of(self, plan: Any) -> PreparedText:
        """The text for a plan. Raises as `prepare`, and if it is too short for the plan."""
        key = plan.tokenizer, plan.task
        if key not in self._prepared:
            counted = next(
                (p.baselines for p in self._prepared.values() if p.task == plan.task), None
            )
            with working("Counting n-grams") as tell:
                self._prepared[key] = prepare(
                    self.corpus, plan.tokenizer, plan.task, counted, tell=tell
                )
        self._prepared[key].check(plan.context_length)
        return self._prepared[key]


def _ready(point: Point, texts: _Texts, out: Path) -> Ready:
    """A point and the run that it has already. `RunProblem` if another run is in its place."""
    text, directory = texts.of(point.plan), out / point.name
    if not (directory / "run.json").exists():
        return Ready(point, text, directory, None)
    run = open_run(directory)
    if run.plan != point.plan or run.record.corpus.sha256 != texts.corpus.sha256:
        raise RunProblem(f"{directory} holds another run: choose another folder for the sweep.")
    return Ready(point, text, directory, run)


def _check_fit(ready: Sequence[Ready], out: Path, device: str) -> None:
    """Raise a `SettingsProblem` if one of the runs is too large for this machine."""
    for one in ready:
        if not one.finished:
            snapshots = len(replay_steps(one.point.plan))
            vocab_size = one.text.tokenizer.vocab_size
            check_fits(one.point.plan, vocab_size, out, snapshots, device)


def _tell_costs(ready: Sequence[Ready], device: str) -> None:
    """Print what the runs will cost, each and in all: times are predicted, or measured if a run has ended."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run")
    for column in ("parameters", "FLOPs", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    parameters, operations, seconds = 0, 0, 0.0
    with working("Timing a few steps of each") as tell:
        for number, one in enumerate(ready):
            size = flops.of_training(one.point.plan, one.text.tokenizer.vocab_size)
            if one.finished and one.run is not None:
                time, how = facts(one.run).seconds, ", trained"
            else:
                time, how = seconds_of(one.point.plan, one.text.data, device), ""
                parameters, operations = parameters + one.parameters, operations + size
                seconds += time
            told = (one.point.title, f"{one.parameters:,}", f"{size:.2e}", duration(time) + how)
            table.add_row(*map(Text, told))
            tell((number + 1) / len(ready))
    notes.print(table)
    left = sum(not one.finished for one in ready)
    runs = f"{left} {'run' if left == 1 else 'runs'}"
    kept = f"; {len(ready) - left} of the {len(ready)} are trained" if left < len(ready) else ""
    notes.print(
        f"{runs} to train: {parameters:,} parameters, {operations:.2e} floating-point operations, about "
        f"{duration(seconds)} on {device}{kept}.",
        soft_wrap=True,
    )


def _described(
    rung: Rung,
    kind: Any,
    recipe: str,
    given: dict[str, Any],
    ready: Sequence[Ready],
) -> Sweep:
    """What sweep.json says."""
    corpus = ready[0].text.corpus
    return Sweep(
        kind=kind,
        model=rung.name,
        recipe=recipe,
        given=given,
        varied=list(ready[0].point.settings),
        corpus=corpus.name,
        corpus_title=corpus.title,
        corpus_sha256=corpus.sha256,
        points=[
            SavedPoint(
                directory=one.point.name, settings=one.point.settings, parameters=one.parameters
            )
            for one in ready
        ],
    )


def _train_all(ready: Sequence[Ready], interruption: Interruption, device: str) -> None:
    """Train what is left, one run after the other; a run that was stopped goes on."""
    for number, one in enumerate(ready, start=1):
        if one.finished:
            continue
        notes.print(f"Run {number} of {len(ready)}: {one.point.title}", markup=False)
        run = one.run or one.text.new_run(one.directory, one.point.plan)
        _train(run, one.text.data, interruption, device)


def _train(run: Run, data: Any, interruption: Interruption, device: str) -> None:
    """Train one run to its end, or leave the process as it was asked to."""
    with WriterLock(run.directory) as lock:
        resume = recording.rewind(run, lock)
        interruption.last_words = unfinished(resume.step if resume else 0)
        interruption.last_act = lambda: recording.write_status(run.directory, "stopped", 0)
        interruption.can_save = True
        events = train(run.plan, data, device=device, resume=resume)
        ended = watch(run, recording.record(run, events, lock), notes, interruption)
    interruption.can_save, interruption.last_words = False, BETWEEN
    if not ended:
        interruption.leave(
            f"Stopped at step {run.status()[2]:,}; the same command goes on from there."
        )
