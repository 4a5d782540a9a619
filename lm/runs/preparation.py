"""A text made ready for runs: through its tokenizer, as the data of its task, and counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm import ngrams, tasks, tokenizers
from lm.corpora import Corpus
from lm.plan import Plan
from lm.runs import recording
from lm.runs.run import Run
from lm.tasks import TaskConfig
from lm.tokenizers import Tokenizer, TokenizerConfig


@dataclass(frozen=True)
class PreparedText:
    """A corpus ready for one task and one tokenizer.

    data: of the task. train_tokens: the length of the training split. baselines: the losses of counting, in
    nats per character. counted_pairs: the counted (V, V) table of the next token.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    task: TaskConfig
    data: Any
    train_tokens: int
    baselines: dict[str, float]
    counted_pairs: np.ndarray

    def check(self, context_length: int) -> None:
        """Raise a `SettingsProblem` if the text is too short for the context."""
        tasks.KINDS[self.task.task].check(self.data, context_length)

    def new_run(self, directory: Path, plan: Plan) -> Run:
        """A new run directory for a plan to be trained on this text; raises as `recording.create`."""
        return recording.create(
            directory,
            plan,
            self.corpus,
            self.tokenizer,
            train_tokens=self.train_tokens,
            baselines=self.baselines,
            counted_pairs=self.counted_pairs,
        )


def prepare(
    corpus: Corpus,
    tokenizer: TokenizerConfig,
    task: TaskConfig,
    baselines: dict[str, float] | None = None,
) -> PreparedText:
    """Prepare a corpus; takes seconds. `baselines`, if they are known, are not counted again."""
    kind, encoder = tasks.KINDS[task.task], tokenizers.train(tokenizer, corpus.text)
    train_ids = encoder.encode(corpus.train_text)
    return PreparedText(
        corpus,
        encoder,
        task,
        kind.load(corpus, encoder),
        train_tokens=len(train_ids),
        baselines=baselines or kind.baselines(corpus),
        counted_pairs=ngrams.bigram_table(train_ids, encoder.vocab_size),
    )
