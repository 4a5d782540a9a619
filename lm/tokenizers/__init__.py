"""Text to numbers and back: a model reads and writes ids, 0 to vocab_size - 1.

Characters come first (`characters.py`). Another tokenizer is one more file and one more entry in `KINDS`.
Next in the reading order: `lm/ngrams.py`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from lm.errors import RunProblem
from lm.settings import Settings, setting
from lm.tokenizers.characters import CharacterTokenizer

__all__ = ["KINDS", "CharacterTokenizer", "Tokenizer", "TokenizerConfig", "load", "train"]


class Tokenizer(Protocol):
    """What every tokenizer can do. `decode(encode(text)) == text` for each text it can encode."""

    kind: ClassVar[str]  # as in settings and run directories

    @classmethod
    def from_text(cls, text: str, config: "TokenizerConfig | None" = None) -> Self:
        """A tokenizer whose vocabulary is made from `text`, with these settings. Raises CorpusProblem."""
        ...

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Self:
        """An equal tokenizer from what `to_json` gave. Raises RunProblem."""
        ...

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter."""
        ...

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids of the known part, (T,) int64, and the characters that had to be left out."""
        ...

    def decode(self, ids: Sequence[int] | np.ndarray) -> str: ...

    def count_characters(self, ids: np.ndarray) -> int:
        """How many characters these ids, (T,), spell: losses are per character, whatever a token is."""
        ...

    def token_text(self, id: int) -> str:
        """The text of one token, as it stands in the corpus."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the kind under "kind", from which `load` makes an equal tokenizer."""
        ...


KINDS: dict[str, type[Tokenizer]] = {CharacterTokenizer.kind: CharacterTokenizer}


class TokenizerConfig(Settings):
    """The tokenizer of a run, and its settings."""

    tokenizer: str = setting(
        CharacterTokenizer.kind,
        title="Tokens",
        help="The pieces a text is cut into. Characters: one token each.",
        group="model",
        choices=lambda: tuple(KINDS),
    )


def train(config: TokenizerConfig, text: str) -> Tokenizer:
    """The tokenizer that the settings ask for.

    `text` is the whole corpus, so that every character is known; merges of characters, if there are any, should
    be learned from its training split.
    """
    return KINDS[config.tokenizer].from_text(text, config)


def load(saved: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` described. Raises RunProblem if this is no such description."""
    kind = saved.get("kind") if isinstance(saved, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise RunProblem(
            f"This tokenizer is of an unknown kind, {kind!r}: known are {', '.join(KINDS)}."
        )
    return KINDS[kind].from_json(saved)
