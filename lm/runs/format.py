"""The format of run.json and status.json, and how format 1 is read as format 2.

Format 2 holds the parts of a plan under "plan", each with its settings. Format 1 knew characters and one task
only, and held "config" and "training" instead; its losses per token are losses per character.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from lm.errors import Problem, RunProblem
from lm.ladder import rung
from lm.plan import Plan

FORMAT: Literal[2] = 2
Status = Literal["running", "paused", "finished", "stopped", "failed"]

RENAMED = {  # tensors of format 1 that have another name now
    "bigram_embedding.weight": "ngram_embedding.bigram.weight",
    "trigram_embedding.weight": "ngram_embedding.trigram.weight",
}


class CorpusRecord(BaseModel):
    """The text that a run learned from: its name and checksum, without the text."""

    model_config = ConfigDict(frozen=True)
    name: str
    title: str
    path: str | None
    sha256: str
    characters: int
    floor: float | None


def imported_title(note: str) -> str:
    """The name of a model that others trained, with which the note of its run begins (`importing.py`)."""
    return note.partition(", from ")[0] or "an imported model"


class BaseRecord(BaseModel):
    """The run that a run started from.

    path: its directory; None in a copy that holds all weights itself. step, checksum: of its snapshot there.
    corpus: the text that it learned from; None of a model that others trained. added: the characters that it
    did not know. note: about it, such as the licence of a model that others trained.
    """

    model_config = ConfigDict(frozen=True)
    path: str | None
    title: str
    step: int = Field(ge=0)
    checksum: str
    vocab_size: int = Field(ge=1)
    task: str
    corpus: CorpusRecord | None
    added: str = ""
    note: str = ""


class Change(BaseModel):
    """Settings that a person changed after `step` steps, each with its value before and from then on.

    rate: the learning rate that the next step would have had, and the one that it has, if there is one.
    """

    model_config = ConfigDict(frozen=True)
    step: int = Field(ge=0)
    settings: dict[str, tuple[Any, Any]]
    rate: tuple[float, float] | None = None


class RunRecord(BaseModel):
    """The contents of run.json.

    After a run went on (`going_on.py`), the plan has its steps and evaluation interval as they are now, and the
    learning rate that it began with.
    """

    model_config = ConfigDict(frozen=True)
    format: Literal[2]
    model: str  # the rung's name
    plan: dict[str, dict[str, Any]]  # the settings of each part
    corpus: CorpusRecord
    vocab_size: int = Field(ge=1)
    tokenizer_checksum: str | None = None  # of tokenizer.json; None in older runs
    parameters: int
    tokens_per_step: int
    train_tokens: int | None = None  # of the training split; None in older runs
    baselines: dict[str, float]  # of counting: nats per character over the validation split
    pass_tokens: int | None = None  # of pairs: predictions of one pass over those to learn from
    known_right: dict[str, float] = {}  # of pairs: shares exactly right without learning, by name
    created: str
    recipe: str | None = None  # the recipe that the settings are, if they are one
    note: str = ""
    imported: str | None = None  # when it came in a file (`archive.py`); None of a run trained here
    changes: tuple[Change, ...] = ()  # made when the run went on, in their order
    base: BaseRecord | None = None  # of a run that started from another
    trained: int | None = None  # of the parameters, those that are trained; None: all

    @property
    def spells_characters(self) -> bool:
        """Whether each token is a character."""
        return self.plan.get("tokenizer", {}).get("tokenizer", "characters") == "characters"

    @property
    def foreign_tokens(self) -> bool:
        """Whether its tokenizer came with a model that others trained (`lm/interchange/`)."""
        return self.plan.get("tokenizer", {}).get("tokenizer") == "imported"

    @property
    def trained_elsewhere(self) -> bool:
        """Whether it is such a model, as it came: it learned from no text that is here."""
        return self.foreign_tokens and self.base is None

    @property
    def holds_changes_only(self) -> bool:
        """Whether its snapshots lack the weights that stayed as they are in the run that it started from."""
        kept = self.plan.get("start", {}).get("trained", "all") != "all"
        return kept and self.base is not None and self.base.path is not None

    @property
    def train_characters(self) -> float:
        """Of the training split, which is nine tenths of the text."""
        return 0.9 * self.corpus.characters

    @property
    def characters_per_token(self) -> float:
        """On average over the training split."""
        if self.spells_characters or not self.train_tokens:
            return 1.0
        return self.train_characters / self.train_tokens

    def without_places(self) -> "RunRecord":
        """The record for a copy: without paths of this machine."""
        update: dict[str, Any] = {"corpus": self.corpus.model_copy(update={"path": None})}
        if self.base is not None:
            old = self.base.corpus and self.base.corpus.model_copy(update={"path": None})
            update["base"] = self.base.model_copy(update={"path": None, "corpus": old})
            update["plan"] = self.plan | {"start": self.plan["start"] | {"start": self.base.title}}
        return self.model_copy(update=update)

    def passes(self, step: int) -> float:
        """Over the training split, in so many steps."""
        tokens = self.pass_tokens or self.train_characters / self.characters_per_token
        return step * self.tokens_per_step / max(1, tokens)


class StatusRecord(BaseModel):
    """The contents of status.json."""

    model_config = ConfigDict(frozen=True)
    status: Status
    reason: str | None = None
    step: int  # when this was written; metrics.jsonl tells how far the run is
    metrics_bytes: int | None = None  # of metrics.jsonl, once the run has ended
    last_snapshot: int | None = None  # the step of the last snapshot, once the run has ended


def record_of(contents: dict[str, Any], path: Path) -> RunRecord:
    """The record in a run.json of format 1 or 2. `RunProblem` if it is of another or damaged."""
    found = contents.get("format")
    if found == 1:
        contents = upgraded(contents, path)
    elif found != FORMAT:
        raise RunProblem(
            f"{path} is of format {found!r}; this program reads formats 1 and {FORMAT}: open it with the "
            "version that wrote it, or train a new run."
        )
    try:
        return RunRecord.model_validate(contents)
    except ValidationError as error:
        raise RunProblem(f"{path} is damaged at {place_of(error)}.") from None


def upgraded(contents: dict[str, Any], path: Path) -> dict[str, Any]:
    """The contents of a run.json of format 1 as format 2."""
    old = dict(contents)
    config, training = old.pop("config", None), old.pop("training", None)
    if not isinstance(config, dict) or not isinstance(training, dict):
        missing = "config" if not isinstance(config, dict) else "training"
        raise RunProblem(f"{path} is damaged at '{missing}'.")
    model = dict(config)
    if "ngram_share" in model:  # was a setting of the decoder
        training = training | {"ngram_share": model.pop("ngram_share")}
    plan = {
        "task": {"task": "continue"},
        "tokenizer": {"tokenizer": "characters"},
        "model": model,
        "training": training,
        "start": {"start": "random"},
    }
    return old | {"format": FORMAT, "plan": plan}


def plan_of(record: RunRecord, path: Path) -> Plan:
    """The plan that a record describes. `RunProblem` if parts are missing, unknown or do not fit."""
    try:
        which = rung(record.model)
        parts = which.parts()
        missing, unknown = parts.keys() - record.plan.keys(), record.plan.keys() - parts.keys()
        if missing:
            raise RunProblem(f"its plan has no part {min(missing)!r}, so the run is not complete.")
        if unknown:
            raise RunProblem(
                f"its plan has a part {min(unknown)!r} that this program does not know: open it with the "
                "version that wrote it."
            )
        plan = which.assemble(
            {name: type(part).make(**record.plan[name]) for name, part in parts.items()}
        )
        if plan.start.tunes and record.base is None:
            raise RunProblem("its plan starts from a run, and it does not say which.")
        return plan
    except Problem as problem:
        raise RunProblem(f"{path} cannot be used: {problem}") from None


def current_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a model or its optimizer ("NAME:KEY") under the names that they have today."""
    result = {}
    for name, tensor in tensors.items():
        weight, colon, key = name.partition(":")
        result[RENAMED.get(weight, weight) + colon + key] = tensor
    return result


def place_of(error: ValidationError) -> str:
    """The place of the first error in a JSON file: 'corpus.sha256'."""
    return repr(".".join(map(str, error.errors()[0]["loc"])))
