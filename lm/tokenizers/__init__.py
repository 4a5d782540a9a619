"""Text to numbers and back: a model reads and writes ids, 0 to vocab_size - 1.

Characters come first (`characters`); another kind is one more file and one more entry in `_KINDS`.
Next in the reading order: `lm.models`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from lm.errors import RunProblem
from lm.tokenizers.characters import CharacterTokenizer

__all__ = ["CharacterTokenizer", "Tokenizer", "load"]


class Tokenizer(Protocol):
    """What every tokenizer can do. `decode(encode(text)) == text` for each text it can encode."""

    @property
    def kind(self) -> str: ...

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter."""
        ...

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids of what is known, (T,) int64, and the characters that had to be left out."""
        ...

    def decode(self, ids: Sequence[int] | np.ndarray) -> str: ...

    def token_text(self, id: int) -> str:
        """The text of one token, as it stands in the corpus."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `load` makes an equal tokenizer."""
        ...


def load(saved: dict[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` described. Raises RunProblem if this is no such description."""
    kind = saved.get("kind") if isinstance(saved, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RunProblem(
            f"This tokenizer is of an unknown kind, {kind!r}: known are {', '.join(_KINDS)}."
        )
    return _KINDS[kind](saved)


_KINDS: dict[str, Callable[[dict[str, Any]], Tokenizer]] = {
    CharacterTokenizer.kind: CharacterTokenizer.from_json
}
