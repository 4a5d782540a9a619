"""The interface of a task: what a batch is, how a model is judged, and what it writes while it learns."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from lm.evaluation import Evaluation
from lm.tokenizers import Tokenizer


@dataclass(frozen=True)
class Batch:
    """B rows to learn from: the model reads `inputs` and should predict `targets`.

    inputs, targets: (B, T) token ids.
    weights: (B, T), how much each prediction counts in the loss; None if all count the same.
    sources: (B, S), lines that an encoder reads; None for a model without one.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None
    sources: Tensor | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by name, without those that it does not have."""
        named = {"weights": self.weights, "sources": self.sources}
        optional = {name: one for name, one in named.items() if one is not None}
        return {"inputs": self.inputs, "targets": self.targets, **optional}

    def after(self, given: int) -> "Batch":
        """The batch without the first `given` predictions of each row, which do not count."""
        if not given:
            return self
        weights = None if self.weights is None else self.weights[:, given:]
        return replace(self, targets=self.targets[:, given:], weights=weights)


def read(model: nn.Module, batch: Batch) -> Tensor:
    """A batch through a model: the scores of each next token, (B, T, V)."""
    if batch.sources is None:
        return model(batch.inputs)
    return model(batch.inputs, batch.sources)


class Task(Protocol):
    """A task on one text, made ready: `Kind(data, context_length, device)`.

    `data` is made by `load` and is the task's own; nobody else looks into it.
    """

    name: ClassVar[str]  # as in settings and run.json
    pairs: ClassVar[bool]  # whether it needs a corpus of pairs (`PairCorpus`), or a text (`Corpus`)
    vocab_size: int
    # Of the training targets: a loss per token divided by it is a loss per character.
    characters_per_token: float

    def __init__(self, data: Any, context_length: int, device: str) -> None: ...

    @staticmethod
    def load(corpus: Any, tokenizer: Tokenizer) -> Any:
        """A corpus as this task's data."""
        ...

    @staticmethod
    def baselines(corpus: Any, tell: Callable[[float], object] | None = None) -> dict[str, float]:
        """The losses of counting on the validation split, by name, in nats per character.

        tell: called with the share that is done, 0 to 1.
        """
        ...

    @classmethod
    def row_tokens(cls, data: Any, context_length: int) -> float:
        """Predictions that a row of a batch counts on average."""
        ...

    @classmethod
    def check(cls, data: Any, context_length: int) -> None:
        """Raise a `SettingsProblem` if the data is too short for the context."""
        ...

    def batch(self, size: int) -> Batch:
        """A random batch of `size` rows, on the device, drawn with torch's own random numbers."""
        ...

    def evaluate(self, model: nn.Module) -> Generator[float, None, Evaluation]:
        """The exact loss over the validation split; yields the share that is done, 0 to 1.

        It may read evenly spread parts of a very large split; the result says so.
        """
        ...

    def train_loss(self, model: nn.Module) -> float:
        """The loss over a fixed part of the training split, in nats per character, measured as by `evaluate`.

        Beside the validation loss it shows how much of the text is known by heart.
        """
        ...

    def sample(self, model: nn.Module) -> str:
        """A short text of the model, always from the same prompt and seed."""
        ...
