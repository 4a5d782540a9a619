"""Tasks: what a model learns to do: to continue a text, or to rewrite a line as another.

A task says what a batch is, how a model is judged exactly, and what it writes while it learns (`task.py`).
Another task is one more file and one more entry in `KINDS`; a rung names the tasks that its model can learn.
"""

from collections.abc import Iterable

from lm.corpora import Corpus
from lm.settings import Settings, setting
from lm.tasks.continue_text import ContinueText, TextData
from lm.tasks.rewrite import Answer, Rewrite
from lm.tasks.task import Batch, Task
from lm.tokenizers import CharacterTokenizer, Tokenizer

__all__ = [
    "KINDS",
    "Batch",
    "ContinueText",
    "Rewrite",
    "Task",
    "TaskConfig",
    "TextData",
    "fitting",
    "text_data",
]

KINDS: dict[str, type[Task]] = {kind.name: kind for kind in (ContinueText, Rewrite, Answer)}


class TaskConfig(Settings):
    """The task that a run learns."""

    task: str = setting(
        ContinueText.name,
        title="Task",
        help="Continue a text, rewrite a line with an encoder, or answer a line as a decoder alone.",
        group="run",
        choices=lambda: tuple(KINDS),
    )


def fitting(names: Iterable[str], pairs: bool) -> str | None:
    """The first of these tasks that learns from pairs, or from a text; None if there is none."""
    return next((name for name in names if KINDS[name].pairs == pairs), None)


def text_data(corpus: Corpus, tokenizer: Tokenizer | None = None) -> TextData:
    """A corpus as token ids for the task of continuing it; as characters if no tokenizer is given."""
    return ContinueText.load(corpus, tokenizer or CharacterTokenizer.from_text(corpus.text))
