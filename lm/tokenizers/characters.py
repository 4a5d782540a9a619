"""One token per character: the vocabulary is the sorted alphabet of the corpus.

This is the simplest tokenizer. A model has to learn spelling first, which is easy to watch. Strings are
converted to arrays of code points (UTF-32), so that a megabyte takes milliseconds.

A model that goes on with another text may meet characters that it does not know. They are added after the
alphabet, so that the ids of the others stay as they are (`with_added`).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lm.errors import CorpusProblem, RunProblem, UnknownCharacter

# A model has a row of numbers for each character, and computes a score for each at every position. Chinese
# texts of several megabytes have about 5,000; the basic block of Unicode that they draw from has 20,992.
MOST_CHARACTERS = 25_000
PIECE = 2**20  # characters encoded at once, which bounds the memory beside the ids


class CharacterTokenizer:
    """The id of a character is its index in `characters`: an alphabet sorted by code point, then added ones."""

    kind: ClassVar[str] = "characters"

    def __init__(self, alphabet: str, added: str = "") -> None:
        """`alphabet`: at least one character, each once, in the order of their code points. Raises ValueError.

        added: further ones, in the order of their ids.
        """
        if not alphabet or list(alphabet) != sorted(set(alphabet)):
            raise ValueError("characters must be sorted, each once, and at least one")
        self.alphabet, self.added = alphabet, added
        self.characters = alphabet + added
        if len(set(self.characters)) < len(self.characters):
            raise ValueError("an added character is known already")
        self._codes = _code_points(self.characters)  # (V,)
        self._order = np.argsort(self._codes)  # (V,) the ids in the order of their code points
        self._sorted = self._codes[self._order]

    @classmethod
    def from_text(cls, text: str, config: Any = None) -> "CharacterTokenizer":
        """The vocabulary is the set of characters of `text`. Raises CorpusProblem if none, or too many."""
        if not text:
            raise CorpusProblem("An empty text has no vocabulary: choose a corpus first.")
        characters = "".join(sorted(set(text)))
        _check_number(len(characters))
        return cls(characters)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "CharacterTokenizer":
        """The inverse of `to_json`. Raises RunProblem if `saved` is damaged."""
        alphabet, added = saved.get("characters"), saved.get("added", "")
        try:
            if (
                saved.get("kind") == cls.kind
                and isinstance(alphabet, str)
                and isinstance(added, str)
            ):
                return cls(alphabet, added)
        except ValueError:
            pass
        raise RunProblem(
            "This character tokenizer is damaged: it needs its sorted alphabet under 'characters'."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for the run directory."""
        added = {"added": self.added} if self.added else {}
        return {"kind": self.kind, "characters": self.alphabet} | added

    def with_added(self, text: str) -> "CharacterTokenizer":
        """A tokenizer that knows the characters of a text, too. Raises CorpusProblem if they are too many."""
        added = self.added + "".join(sorted(set(text) - set(self.characters)))
        _check_number(len(self.alphabet + added))
        return CharacterTokenizer(self.alphabet, added)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CharacterTokenizer) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"CharacterTokenizer({self.alphabet!r}, {self.added!r})"

    @property
    def vocab_size(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter, which names the first unknown one and its position."""
        ids, known = self._look_up(text)
        if not known.all():
            index = int(np.argmin(known))
            raise UnknownCharacter(
                f"The character {text[index]!r} (U+{ord(text[index]):04X}) at position {index + 1:,} "
                f"is not one of the {self.vocab_size} characters of the corpus: remove or replace it."
            )
        return ids

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids of the known characters, (T,) int64, and the unknown ones, each once, in their order."""
        ids, known = self._look_up(text)
        dropped = dict.fromkeys(text[index] for index in np.flatnonzero(~known))
        return ids[known], "".join(dropped)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids 0 to vocab_size - 1. Raises IndexError for any other."""
        array = np.asarray(ids, dtype=np.int64).reshape(-1)
        if array.size and (array.min() < 0 or array.max() >= self.vocab_size):
            raise IndexError(f"token ids run from 0 to {self.vocab_size - 1}")
        return self._codes[array].tobytes().decode("utf-32-le", "surrogatepass")

    def count_characters(self, ids: np.ndarray) -> int:
        """The number of ids: each is one character."""
        return len(ids)

    def token_text(self, id: int) -> str:
        """The character of this id."""
        return self.decode([id])

    def token_bytes(self, id: int) -> bytes:
        """The UTF-8 bytes of this character."""
        return self.token_text(id).encode("utf-8", "surrogatepass")

    def _look_up(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids, (T,) int64, and whether each character is known, (T,) bool; ids of unknown ones mean nothing."""
        ids, known = np.empty(len(text), np.int64), np.empty(len(text), bool)
        for start in range(0, len(text), PIECE):
            piece = slice(start, start + PIECE)
            codes = _code_points(text[piece])
            found = np.searchsorted(self._sorted, codes).clip(max=self.vocab_size - 1)
            ids[piece], known[piece] = self._order[found], self._sorted[found] == codes
        return ids, known


def _check_number(characters: int) -> None:
    """Raise a `CorpusProblem` if a text has more different characters than a model takes."""
    if characters > MOST_CHARACTERS:
        raise CorpusProblem(
            f"The text has {characters:,} different characters, and a model takes up to "
            f"{MOST_CHARACTERS:,}: choose a text with fewer, or replace the rare ones."
        )


def _code_points(text: str) -> np.ndarray:
    """(T,) uint32. A lone surrogate passes, so that it is reported as an unknown character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
