"""Tasks: what a model learns to do with a text. Today: to continue it.

A task says what a batch is, how a model is judged exactly, and what it writes while it learns (`task.py`).
Another task is one more file and one more entry in `KINDS`; a rung names the tasks that its model can learn.
"""

from lm.corpora import Corpus
from lm.settings import Settings, setting
from lm.tasks.continue_text import ContinueText, TextData
from lm.tasks.task import Batch, Task
from lm.tokenizers import CharacterTokenizer, Tokenizer

__all__ = ["KINDS", "Batch", "ContinueText", "Task", "TaskConfig", "TextData", "text_data"]

KINDS: dict[str, type[Task]] = {ContinueText.name: ContinueText}


class TaskConfig(Settings):
    """The task that a run learns."""

    task: str = setting(
        ContinueText.name,
        title="Task",
        help="Continue: predict each token of a text from those before it.",
        group="run",
        choices=lambda: tuple(KINDS),
    )


def text_data(corpus: Corpus, tokenizer: Tokenizer | None = None) -> TextData:
    """A corpus as token ids for the task of continuing it; as characters if no tokenizer is given."""
    return ContinueText.load(corpus, tokenizer or CharacterTokenizer.from_text(corpus.text))
