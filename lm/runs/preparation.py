"""A text made ready for runs: through its tokenizer, as the data of its task, and counted."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm import tasks, tokenizers
from lm.corpora import AnyCorpus, PairCorpus, TokenCorpus, pair_names
from lm.errors import CorpusProblem
from lm.plan import Plan
from lm.runs import recording, starting
from lm.runs.files import explained
from lm.runs.run import Run
from lm.runs.starting import Base
from lm.runs.zip_checks import CHAT
from lm.tasks import TaskConfig
from lm.tasks.without_learning import shares_right
from lm.tokenizers import Tokenizer, TokenizerConfig


@dataclass(frozen=True)
class PreparedText:
    """A corpus ready for one task and one tokenizer.

    data: of the task. train_tokens: the length of the training split. baselines: the losses of counting, in
    nats per character. known_right: of pairs, the shares of held-out lines that are right without learning.
    base: the run that is started from. added: the characters that it does not know.
    """

    corpus: AnyCorpus
    tokenizer: Tokenizer
    task: TaskConfig
    data: Any
    train_tokens: int
    baselines: dict[str, float]
    known_right: dict[str, float] = field(default_factory=dict)
    base: Base | None = None
    added: str = ""

    def check(self, context_length: int) -> None:
        """Raise a `SettingsProblem` if the text is too short for the context."""
        tasks.KINDS[self.task.task].check(self.data, context_length)

    def new_run(self, directory: Path, plan: Plan) -> Run:
        """A new run directory for a plan to be trained on this corpus; raises as `recording.create`."""
        kind = tasks.KINDS[self.task.task]
        if self.base is not None:
            starting.check_added(plan, self.base, self.added)
        row, once = None, None
        if isinstance(self.corpus, PairCorpus):
            row = kind.row_tokens(self.data, plan.context_length)
            once = round(row * len(self.corpus.train))
        run = recording.create(
            directory,
            plan,
            self.corpus,
            self.tokenizer,
            train_tokens=self.train_tokens,
            baselines=self.baselines,
            row_tokens=row,
            pass_tokens=once,
            known_right=self.known_right,
            base=self.base.record(self.added) if self.base else None,
        )
        if self.base is not None and (self.base.run.directory / CHAT).exists():
            with explained(directory):
                shutil.copyfile(self.base.run.directory / CHAT, directory / CHAT)
        return run


def kind_fits(corpus: AnyCorpus, pairs: bool) -> None:
    """Raise a `CorpusProblem` if a corpus is a text where pairs are needed, or the reverse."""
    if isinstance(corpus, PairCorpus) and not pairs:
        raise CorpusProblem(
            f"{corpus.title} holds pairs of lines, and this task continues a text: choose a text, such as "
            "tiny_shakespeare, or a model that rewrites lines, such as encoder_decoder."
        )
    if pairs and not isinstance(corpus, PairCorpus):
        raise CorpusProblem(
            f"{corpus.title} is a text, and this task rewrites lines: choose {', '.join(pair_names())}, a .tsv "
            'file with a tab between the two sides of each line, or two files, "SOURCE.txt,TARGET.txt".'
        )


def prepare(
    corpus: AnyCorpus,
    tokenizer: TokenizerConfig,
    task: TaskConfig,
    baselines: dict[str, float] | None = None,
    tell: Callable[[float], object] | None = None,
    base: Base | None = None,
) -> PreparedText:
    """Prepare a corpus; takes a tenth of a second for each million characters, mostly to count.

    baselines: if they are known, they are not counted again. tell: called with the share that is done, 0 to 1.
    base: the run that is started from, whose tokens are used.
    """
    kind = tasks.KINDS[task.task]
    kind_fits(corpus, kind.pairs)
    if isinstance(corpus, TokenCorpus):
        encoder, added = corpus.file.given(tokenizer), ""
    elif base is None:
        encoder, added = tokenizers.train(tokenizer, corpus.text, corpus.train_text), ""
    else:
        encoder, added = base.tokenizer(corpus.text)
    baselines = baselines or kind.baselines(corpus, tell)  # first: it needs the most memory
    data = kind.load(corpus, encoder)
    if isinstance(corpus, TokenCorpus):
        train_tokens = len(corpus.file.train)
    else:
        train_tokens = len(encoder.encode(corpus.train_text))
    known = shares_right(corpus) if isinstance(corpus, PairCorpus) else {}
    return PreparedText(
        corpus, encoder, task, data, train_tokens, baselines, known, base=base, added=added
    )
