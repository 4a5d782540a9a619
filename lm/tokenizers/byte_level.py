"""What BPE and Unigram share: a text is split into pieces, and a piece is its UTF-8 bytes.

Tokens never cross the border of a piece, which keeps words, numbers, punctuation and line ends apart; the
pattern is GPT-2's (Radford et al. 2019). A character outside ASCII is two to four bytes. All 256 bytes are
tokens, so that any text can be encoded, and a token may be half a character. In `tokenizer.json`, the standard
format of the `tokenizers` library, each byte is written as a letter (GPT-2's `bytes_to_unicode`).
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import regex

from lm.errors import UnknownCharacter

PATTERN = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
HALF = regex.compile(r"[\ud800-\udfff]")  # of a surrogate pair; Unicode has no such characters
VOCAB_SIZE = 1024  # unless somebody chooses another
MOST_REMEMBERED = 100_000  # different pieces whose ids are kept while a text is encoded
LONG = 100  # characters; a longer piece hardly occurs again


def _letters() -> list[str]:
    """The letter that stands for each byte: itself, or one from 256 on where that is not printable."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


LETTERS = _letters()
BYTES = {letter: byte for byte, letter in enumerate(LETTERS)}
ALPHABET = [bytes([BYTES[letter]]) for letter in sorted(LETTERS)]  # tokens 0 to 255, as in GPT-2


def as_letters(token: bytes) -> str:
    """A token as it is written in tokenizer.json."""
    return "".join(LETTERS[byte] for byte in token)


def as_bytes(letters: str) -> bytes:
    """The inverse of `as_letters`. `KeyError` if a letter stands for no byte."""
    return bytes(BYTES[letter] for letter in letters)


def pieces(text: str) -> Iterator[str]:
    """The pieces of a text, one after the other; together they are the text."""
    return (match[0] for match in PATTERN.finditer(text))


class ByteTokens:
    """Ids to text, for every tokenizer whose tokens are bytes."""

    tokens: list[bytes]  # (V,) the bytes of each token

    @property
    def vocab_size(self) -> int:
        return len(self.tokens)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids 0 to vocab_size - 1; bytes that spell no character become U+FFFD.

        Raises IndexError for any other id.
        """
        listed = np.asarray(ids, dtype=np.int64).reshape(-1).tolist()
        if listed and not 0 <= min(listed) <= max(listed) < self.vocab_size:
            raise IndexError(f"token ids run from 0 to {self.vocab_size - 1}")
        return b"".join([self.tokens[id] for id in listed]).decode("utf-8", "replace")

    def count_characters(self, ids: np.ndarray) -> int:
        """How many characters begin in these ids, (T,): each is counted once, wherever tokens cut it."""
        return int(self._begun[np.asarray(ids, dtype=np.int64)].sum())

    @cached_property
    def _begun(self) -> np.ndarray:
        """(V,) the characters whose first byte is in each token."""
        begun = [sum(byte & 0xC0 != 0x80 for byte in token) for token in self.tokens]
        return np.array(begun)

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token."""
        return self.tokens[id]

    def token_text(self, id: int) -> str:
        """The text of one token; a byte of a character that is cut apart is written as <0xE2>."""
        return label(self.tokens[id])


class ByteLevelTokenizer(ByteTokens):
    """Text to ids and back for a tokenizer whose tokens are bytes, given the ids of a piece."""

    kind: ClassVar[str]

    def encode_piece(self, piece: str) -> Sequence[int]:
        """The ids of one piece."""
        raise NotImplementedError

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter for half a surrogate pair; all else has ids."""
        refuse_halves(text)
        return encode_pieces(text, self.encode_piece)

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids without halves of surrogate pairs, (T,) int64, and these halves, each once, in their order."""
        text, halves = without_halves(text)
        return encode_pieces(text, self.encode_piece), halves


def refuse_halves(text: str) -> None:
    """Raise `UnknownCharacter` if a text holds half of a surrogate pair: it has no bytes."""
    if half := HALF.search(text):
        raise UnknownCharacter(
            f"The character {half[0]!r} (U+{ord(half[0]):04X}) at position {half.start() + 1:,} is half of "
            "a surrogate pair, which no text can hold: remove it."
        )


def without_halves(text: str) -> tuple[str, str]:
    """A text without halves of surrogate pairs, and these halves, each once, in their order."""
    halves = "".join(dict.fromkeys(HALF.findall(text)))
    return HALF.sub("", text) if halves else text, halves


def label(token: bytes) -> str:
    """The text of some bytes; a byte of a character that is cut apart is written as <0xE2>."""
    text = ""
    while True:
        try:
            return text + token.decode("utf-8")
        except UnicodeDecodeError as cut:
            text += token[: cut.start].decode("utf-8")
            text += "".join(f"<0x{byte:02X}>" for byte in token[cut.start : cut.end])
            token = token[cut.end :]


def encode_pieces(text: str, encode_piece: Callable[[str], Sequence[int]]) -> np.ndarray:
    """Ids of a text, (T,) int64, each piece on its own. A piece that occurs again is not encoded again."""
    known: dict[str, Sequence[int]] = {}
    ids = array("i")
    for piece in pieces(text):
        found = known.get(piece)
        if found is None:
            found = encode_piece(piece)
            if len(piece) <= LONG and len(known) < MOST_REMEMBERED:
                known[piece] = found
        ids.extend(found)
    return np.array(ids, dtype=np.int64)


def as_standard(model: dict[str, Any]) -> dict[str, Any]:
    """The contents of a tokenizer.json around a model."""
    options = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": options | {"add_prefix_space": False},
        "post_processor": None,
        "decoder": options | {"add_prefix_space": True},  # it means nothing there
        "model": model,
    }
