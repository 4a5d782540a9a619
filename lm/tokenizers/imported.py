"""A tokenizer that came with a model that others trained: read from its tokenizer.json, and run by the library.

`bpe.py` spells out how such a tokenizer works. Those of others differ from it in details: another pattern
cuts texts into pieces, ids are in another order, there are *special tokens* such as the end of a text, or a
sign for the space instead of bytes (SentencePiece). The `tokenizers` library knows all of that. Here are the
bytes of each token, so that texts can be streamed and losses be told per character.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tokenizers as library

from lm.errors import CorpusProblem, RunProblem
from lm.tokenizers.byte_level import (
    BYTES,
    ByteTokens,
    as_bytes,
    refuse_halves,
    without_halves,
)

SPACE = "\u2581"  # SentencePiece's sign for a space
BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # its token of one byte
HARMLESS = ("Prepend", "Replace", "Strip")  # normalizers that only mark the spaces of SentencePiece


class ImportedTokenizer(ByteTokens):
    """Text to ids by the library, without tokens that begin or end a text; ids to text by their bytes."""

    kind: ClassVar[str] = "imported"

    def __init__(self, saved: Mapping[str, Any]) -> None:
        """saved: the contents of a tokenizer.json. Raises RunProblem if it cannot be used here."""
        self._saved = dict(saved)
        spaces = _marks_spaces(saved)
        self._adds_space = spaces and "Prepend" in _kinds(saved.get("normalizer"))
        try:
            self._library = library.Tokenizer.from_str(json.dumps(self._saved))
        except Exception as error:  # the library raises nothing more special
            raise _refused(f"the tokenizers library does not read it ({error})") from None
        self._library.no_truncation()
        self._library.no_padding()
        known = self._library.get_vocab(with_added_tokens=True)
        if sorted(known.values()) != list(range(len(known))):
            raise _refused("its ids are not 0 to the size of its vocabulary, each once")
        added = {one.content for one in self._library.get_added_tokens_decoder().values()}
        self.tokens = [b""] * len(known)
        for token, id in known.items():
            self.tokens[id] = token.encode() if token in added else _bytes_of(token, spaces)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as its file."""
        return ImportedTokenizer, (self._saved,)

    @classmethod
    def from_text(cls, text: str, config: Any = None) -> "ImportedTokenizer":
        """It is not made from a text. Raises CorpusProblem."""
        raise CorpusProblem(
            "An imported tokenizer comes with its model and is not learned: choose characters, bpe or unigram."
        )

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "ImportedTokenizer":
        """The inverse of `to_json`. Raises RunProblem for a file that cannot be used here."""
        return cls(saved)

    def to_json(self) -> dict[str, Any]:
        """The contents of the standard tokenizer.json, as they came."""
        return self._saved

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImportedTokenizer) and self._saved == other._saved

    def __hash__(self) -> int:
        return hash(tuple(self.tokens))

    def __repr__(self) -> str:
        return f"ImportedTokenizer({len(self.tokens)} tokens)"

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter for half a surrogate pair."""
        refuse_halves(text)
        return np.array(self._library.encode(text, add_special_tokens=False).ids, dtype=np.int64)

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids without halves of surrogate pairs, (T,) int64, and these halves, each once, in their order."""
        text, halves = without_halves(text)
        return self.encode(text), halves

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """As `ByteTokens`, without the space that SentencePiece puts before a text."""
        text = super().decode(ids)
        return text.removeprefix(" ") if self._adds_space else text

    def id_of(self, token: str) -> int | None:
        """The id of a token by its name in the file, such as "<|endoftext|>"; None if there is none."""
        found: int | None = self._library.token_to_id(token)
        return found


def padded(saved: Mapping[str, Any], vocab_size: int) -> dict[str, Any]:
    """A tokenizer.json with names for the ids up to vocab_size that a model has and its tokenizer does not use.

    Models round their vocabulary up, because matrices of a round size are faster. Raises RunProblem if the
    tokenizer has more tokens than the model.
    """
    tokenizer = ImportedTokenizer(saved)
    size = tokenizer.vocab_size
    if size > vocab_size:
        raise RunProblem(
            f"The tokenizer does not fit the weights: it has {size:,} tokens, and they have {vocab_size:,}."
        )
    unused = [_special(id, f"<|unused {id}|>") for id in range(size, vocab_size)]
    return {**saved, "added_tokens": [*(saved.get("added_tokens") or []), *unused]}


def _special(id: int, name: str) -> dict[str, Any]:
    """A special token as tokenizer.json describes it."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": name, "special": True} | flags


def _marks_spaces(saved: Mapping[str, Any]) -> bool:
    """Whether tokens write a space as SentencePiece does, and not bytes as letters. RunProblem if neither."""
    if not isinstance(saved.get("model"), dict):
        raise _refused("it describes no model")
    kinds = {kind for part in ("pre_tokenizer", "decoder") for kind in _kinds(saved.get(part))}
    normalizers = _kinds(saved.get("normalizer"))
    if foreign := [kind for kind in normalizers if kind not in HARMLESS]:
        raise _refused(f"its normalizer ({foreign[0]}) changes texts")
    if "ByteLevel" in kinds:
        return False
    if "ByteFallback" in kinds or "Metaspace" in kinds:
        return True
    raise _refused("its tokens are neither bytes nor those of SentencePiece")


def _kinds(part: Any) -> list[str]:
    """The types of a part of a tokenizer.json, of its members if it is a sequence."""
    if not isinstance(part, dict):
        return []
    if part.get("type") != "Sequence":
        return [str(part.get("type"))]
    members: list[Any] = next((part[name] for name in part if isinstance(part[name], list)), [])
    return [kind for member in members for kind in _kinds(member)]


def _bytes_of(token: str, spaces: bool) -> bytes:
    """The bytes of a token of the vocabulary."""
    if spaces:
        byte = BYTE.fullmatch(token)
        return bytes([int(byte[1], 16)]) if byte else token.replace(SPACE, " ").encode()
    return as_bytes(token) if all(letter in BYTES for letter in token) else token.encode()


def _refused(reason: str) -> RunProblem:
    return RunProblem(f"This tokenizer.json cannot be used: {reason}.")
