"""A run that starts from another: the model and tokens that it takes over, and the knowledge it begins with.

Its model is that of the run that it starts from, its tokens too, with the characters of the new text that these
lack. Its snapshots hold all weights, or only those that it trains (`lm/tuning.py`); then run.json names the
other run by its place and the checksum of its snapshot.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm import corpora, tasks
from lm.errors import Problem, SettingsProblem
from lm.plan import Plan, Rung
from lm.runs.base import snapshot_in
from lm.runs.comparing import value
from lm.runs.files import tensors_checksum
from lm.runs.format import BaseRecord
from lm.runs.run import Run, open_run
from lm.settings import Naming, flag
from lm.start import RANDOM
from lm.tokenizers import KINDS, CharacterTokenizer, Tokenizer
from lm.training.known import Known

# Its rows of pairs of tokens depend on the size of the vocabulary.
PAIRS_BY_NUMBER = "ngram_embedding"


@dataclass(frozen=True)
class Base:
    """A run to start from, and the step of its last snapshot."""

    run: Run
    step: int

    @property
    def title(self) -> str:
        """The name of its directory."""
        return self.run.directory.absolute().name

    def settings(self) -> dict[str, Any]:
        """The settings that a plan takes over: those of the model and of the tokens.

        Weights in bfloat16 become float32: a small change of one would be rounded away.
        """
        plan = self.run.plan
        values = plan.model.model_dump() | plan.tokenizer.model_dump()
        return values | ({"weights": "float32"} if "weights" in values else {})

    def tokenizer(self, text: str) -> tuple[Tokenizer, str]:
        """Its tokenizer with the characters of a text that it lacks, and these, in the order of their ids."""
        tokenizer = self.run.tokenizer()
        if not isinstance(tokenizer, CharacterTokenizer):
            return tokenizer, ""  # pieces of words are made of bytes, which spell every text
        with_added = tokenizer.with_added(text)
        added = with_added.characters[len(tokenizer.characters) :]
        return (with_added if added else tokenizer), added

    def record(self, added: str) -> BaseRecord:
        """What run.json says of it. `RunProblem` if its snapshot is damaged."""
        record, directory = self.run.record, self.run.directory.absolute()
        checksum = tensors_checksum(snapshot_in(directory, self.step))
        if checksum is None:
            self.run.snapshot(self.step)  # says what is wrong
        return BaseRecord(
            path=str(directory),
            title=self.title,
            step=self.step,
            checksum=str(checksum),
            vocab_size=record.vocab_size,
            task=self.run.plan.task.task,
            corpus=None if record.trained_elsewhere else record.corpus,
            added=added,
            note=record.note,
        )


def fits(run: Run, rung: Rung) -> bool:
    """Whether a run of this rung can start from another: it is of the same rung, and has weights."""
    learns = rung.training.learner == "gradient"
    return learns and run.record.model == rung.name and bool(run.snapshots())


def opened(directory: Path, rung: Rung) -> Base:
    """The run in a directory, to start one of this rung from it. `RunProblem` if there is none that fits."""
    run = open_run(directory)
    if run.record.model != rung.name:
        raise SettingsProblem(
            f"{directory} is a run of {run.plan.rung.title}, and {rung.title} cannot start from it: choose a "
            "run of the same model."
        )
    return Base(run, run.nearest_snapshot())


def planned(rung: Rung, recipe: str | None, given: Mapping[str, Any]) -> tuple[Plan, Base | None]:
    """A plan from a recipe and settings, and the run that it starts from, if they name one.

    What is not given is then as in that run. `SettingsProblem` if something that is given contradicts it.
    """
    if given.get("start", RANDOM) == RANDOM:
        if rung.tokenizer.tokenizer not in KINDS:
            raise SettingsProblem(
                f"{rung.title} is not trained from random numbers: import one, and name its run as the start."
            )
        return rung.plan(recipe, **given), None
    base = opened(Path(given["start"]), rung)
    wanted = {**rung.recipe(recipe).settings, **given} if recipe else dict(given)
    plan = rung.plan(recipe, **{**base.settings(), **wanted})
    check(plan, base)
    return plan, base


def check(plan: Plan, base: Base, named: Naming = flag) -> None:
    """Raise a `SettingsProblem` if a plan contradicts the run that it starts from.

    named: how the sentence calls a setting.
    """
    known, now = base.settings(), plan.values()
    if plan.tokenizer.tokenizer == CharacterTokenizer.kind:
        del known["vocab_size"]  # of pieces of words
    shorter = now["context_length"] <= known["context_length"]
    for name, before in known.items():
        free = name == "dropout" or (name == "context_length" and shorter)
        if now[name] != before and not free:
            raise SettingsProblem(
                f"{base.title} has {named(name)} {value(before)}, not {value(now[name])}, and a run that "
                "starts from it has the same: keep to that, or start from another run."
            )
    if plan.training.counted_share() and plan.start.keeps:
        raise SettingsProblem(
            "Counted n-grams are for a run that trains all of its weights: set their share to 0."
        )


def check_added(plan: Plan, base: Base, added: str) -> None:
    """Raise a `SettingsProblem` if new characters have no place in the model."""
    if added and plan.values().get(PAIRS_BY_NUMBER, "none") != "none":
        raise SettingsProblem(
            f"The text has {len(added)} characters that {base.title} does not know ({some_of(added)}), and its "
            "n-gram embedding has no room for them: replace them, or start from another run."
        )


def some_of(added: str, most: int = 12) -> str:
    """Some characters in a sentence: "é, ü and 3 more"."""
    shown = ", ".join(
        one if one.isprintable() and one != " " else repr(one) for one in added[:most]
    )
    return shown + (f" and {len(added) - most:,} more" if len(added) > most else "")


def known_of(run: Run) -> Known | None:
    """The knowledge that a run starts from; None if it starts from random numbers.

    `RunProblem` if the other run is needed and missing, or no longer as it was.
    """
    base = run.record.base
    if base is None:
        return None
    begun = (run.directory / "resume.safetensors").exists()
    needed = run.record.holds_changes_only or not begun
    weights = run.known_weights() if needed else None
    return Known(weights, base.vocab_size, base.task, _old_data(run, base))


def _old_data(run: Run, base: BaseRecord) -> Any:
    """The text that the other run learned from, in this run's tokens; None if it cannot be used."""
    if base.corpus is None:
        return None
    own = base.corpus.path is not None and corpora.exists(base.corpus.path)
    with contextlib.suppress(Problem):
        corpus = corpora.load(base.corpus.path if own and base.corpus.path else base.corpus.name)
        if corpus.sha256 == base.corpus.sha256:
            kind = tasks.KINDS[base.task]
            data = kind.load(corpus, run.tokenizer())
            kind.check(data, run.plan.context_length)
            return data
    return None
