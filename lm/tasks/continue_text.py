"""Continue a text: predict each token of a text from those before it.

A batch is a number of windows at random places; the targets are the same windows one token later, so one pass
gives a loss at every position.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lm import baselines
from lm.corpora import Corpus, TokenCorpus, token_file
from lm.corpora.token_file import TokenFile
from lm.devices import device_of, one_thread
from lm.errors import SettingsProblem
from lm.evaluation import Alone, Evaluation, Readers, evaluate_in_parts, loss_of_windows
from lm.generation import SamplingConfig, generate
from lm.tasks.task import Batch
from lm.tokenizers import CharacterTokenizer, Tokenizer
from lm.tokenizers.streaming import written

# Tokens of the training split that are judged beside the validation split: fewer of a large vocabulary,
# because the model gives a score for each of its tokens at each place.
JUDGED = 16_384
JUDGED_SCORES = 2**27  # in all
SAMPLE = SamplingConfig(temperature=0.8, max_new_tokens=160, seed=1)  # of the samples in training


@dataclass(frozen=True)
class TextData:
    """The two splits of a text as token ids, (N,) and (M,) int64, and the tokenizer that made them.

    file: from which the ids are mapped into memory; then they are smaller integers, and stay there.
    """

    train: Tensor
    validation: Tensor
    tokenizer: Tokenizer
    file: TokenFile | None = None

    @classmethod
    def from_text(cls, train_text: str, validation_text: str, tokenizer: Tokenizer) -> "TextData":
        """Both texts through the tokenizer."""
        train, validation = tokenizer.encode(train_text), tokenizer.encode(validation_text)
        return cls(torch.from_numpy(train), torch.from_numpy(validation), tokenizer)

    @classmethod
    def from_file(cls, file: TokenFile) -> "TextData":
        """The splits of a token file."""
        train, validation = torch.from_numpy(file.train), torch.from_numpy(file.validation)
        return cls(train, validation, file.tokenizer, file)

    @property
    def train_characters(self) -> int:
        """How many characters the training split spells."""
        if self.file is not None:
            return self.file.header["train_characters"]
        return self.tokenizer.count_characters(self.train.numpy())

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as small integers; torch would send handles of shared memory."""
        if self.file is not None:
            return _from_path, (self.file.path,)
        small = np.min_scalar_type(self.tokenizer.vocab_size - 1)
        train, validation = (ids.numpy().astype(small) for ids in (self.train, self.validation))
        return _from_arrays, (train, validation, self.tokenizer)


def _from_path(path: Path) -> TextData:
    return TextData.from_file(token_file.read(path))


def _from_arrays(train: np.ndarray, validation: np.ndarray, tokenizer: Tokenizer) -> TextData:
    train_ids, validation_ids = (
        torch.from_numpy(ids.astype(np.int64)) for ids in (train, validation)
    )
    return TextData(train_ids, validation_ids, tokenizer)


class ContinueText:
    """The task of predicting the next token of a text."""

    name: ClassVar[str] = "continue"
    pairs: ClassVar[bool] = False

    def __init__(self, data: TextData, context_length: int, device: str) -> None:
        self.check(data, context_length)
        self.tokenizer = data.tokenizer
        self.vocab_size = data.tokenizer.vocab_size
        self.context_length = context_length
        self.device = device
        # A text that is mapped from a file may be too large for a GPU.
        place = device if data.file is None else "cpu"
        self.train = data.train.to(place)  # (N,)
        self.validation = data.validation.to(place)  # (M,)
        self.windows = self.train.unfold(0, context_length + 1, 1)  # (N - T, T + 1), a view
        self.characters_per_token = data.train_characters / len(data.train)
        self.readers: Readers = Alone()  # the processes that share an evaluation out

    @staticmethod
    def load(corpus: Corpus, tokenizer: Tokenizer) -> TextData:
        """Both splits of a corpus as token ids. `CorpusProblem` for a token file of another tokenizer."""
        if isinstance(corpus, TokenCorpus):
            corpus.file.check_tokenizer(tokenizer)
            return TextData.from_file(corpus.file)
        return TextData.from_text(corpus.train_text, corpus.validation_text, tokenizer)

    @staticmethod
    def baselines(
        corpus: Corpus, tell: Callable[[float], object] | None = None
    ) -> dict[str, float]:
        """The losses of counted characters (`lm/baselines.py`), whatever the tokens of a run are."""
        characters = CharacterTokenizer.from_text(corpus.text)
        return baselines.baselines(
            characters.encode(corpus.train_text),
            characters.encode(corpus.validation_text),
            characters.vocab_size,
            tell,
        )

    @classmethod
    def row_tokens(cls, data: TextData, context_length: int) -> float:
        """Predictions of a window: one for each token."""
        return context_length

    @classmethod
    def check(cls, data: TextData, context_length: int) -> None:
        """Raise a `SettingsProblem` if the text is too short for the context."""
        train_tokens, validation_tokens = len(data.train), len(data.validation)
        # The validation split is a tenth of the text: it may be shorter than a window of the training split.
        if min(train_tokens, 10 * validation_tokens) < context_length + 2:
            raise SettingsProblem(
                f"A context of {context_length:,} tokens does not fit into a text of "
                f"{train_tokens + validation_tokens:,}: choose a shorter context or a longer text."
            )

    def batch(self, size: int) -> Batch:
        """`size` windows at random places: inputs (B, T), and targets one token later."""
        starts = torch.randint(len(self.windows), (size,)).to(self.windows.device)  # (B,)
        windows = self.windows.index_select(0, starts).to(self.device).long()  # (B, T + 1)
        return Batch(windows[:, :-1], windows[:, 1:])

    def evaluate(self, model: nn.Module) -> Generator[float, None, Evaluation]:
        """The loss over the validation split, in windows of the context length."""
        return evaluate_in_parts(
            model,
            self.validation,
            self.context_length,
            count_characters=lambda ids: self.tokenizer.count_characters(ids.cpu().numpy()),
            vocab_size=self.vocab_size,
            readers=self.readers,
        )

    def train_loss(self, model: nn.Module) -> float:
        """The loss over windows spread evenly over the training split, at most `JUDGED` tokens in all."""
        judged = min(JUDGED, JUDGED_SCORES // self.vocab_size)
        wanted = max(1, judged // self.context_length)
        # Windows from the start of one judged window to that of the next.
        apart = max(1, len(self.windows) // wanted)
        windows = self.windows[::apart][:wanted]  # (n, T + 1)
        loss = loss_of_windows(model, windows, self.vocab_size)
        return loss / self.characters_per_token

    def sample(self, model: nn.Module) -> str:
        """A short text, begun at the start of a line."""
        start = torch.from_numpy(first_token(self.tokenizer)).to(device_of(model))
        with one_thread():
            tokens = generate(model, start, self.context_length, SAMPLE)
            return written(self.tokenizer, (token.id for token in tokens))


def first_token(tokenizer: Tokenizer) -> np.ndarray:
    """The token to begin a text with, (1,): a line end, or the first token if the text has none."""
    known, _ = tokenizer.encode_known("\n")
    return known[:1] if len(known) else np.zeros(1, dtype=np.int64)
