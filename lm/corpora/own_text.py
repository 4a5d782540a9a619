"""Reading and checking a text of the user's own. Each fault is one sentence that says what to do.

In all functions `label` names the text in that sentence: its path or its title.
"""

import os
import unicodedata
from pathlib import Path

from lm.errors import CorpusProblem

SHORTEST = 1_000  # characters; a shorter text has too few for validation
LARGEST = 50_000_000  # bytes; a small model would see only a fraction of a larger text
ALLOWED_CONTROLS = "\t\n\f"


def read(path: Path) -> bytes:
    """The bytes of a regular file of at most `LARGEST` bytes. Raises CorpusProblem."""
    try:
        if path.is_dir():
            raise CorpusProblem(f"{path} is a folder: give the path of a text file in it.")
        if not path.exists():
            raise CorpusProblem(f"There is no file {path}: check the path.")
        if not path.is_file():  # reading a pipe or a device may never end
            raise CorpusProblem(f"{path} is not an ordinary file: give the path of a text file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            check_size(size, str(path))
            return file.read(LARGEST + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CorpusProblem(
            f"{path} cannot be read ({reason}): check the path and its permissions."
        ) from None


def decode(data: bytes, label: str) -> str:
    """UTF-8 bytes to text, without a byte-order mark. Raises CorpusProblem."""
    check_size(len(data), label)
    if not data:
        raise CorpusProblem(f"{label} is empty: choose a text of at least {SHORTEST:,} characters.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusProblem(
            f"{label} is not UTF-8 text (byte {error.start:,}): save it as plain text in UTF-8."
        ) from None


def checked(text: str, label: str) -> str:
    """The text with \\n for every line end, if it can be learned from. Raises CorpusProblem."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    advice = f"choose a text of at least {SHORTEST:,} characters"
    if not text:
        raise CorpusProblem(f"{label} is empty: {advice}.")
    if not text.strip():
        raise CorpusProblem(f"{label} holds only white space: {advice}.")
    alphabet = set(text)
    binary = sorted(filter(_is_binary, alphabet))
    if binary:
        raise CorpusProblem(
            f"{label} holds the control character U+{ord(binary[0]):04X} at character "
            f"{text.index(binary[0]) + 1:,} and is not plain text: choose a plain text file."
        )
    if len(text) < SHORTEST:
        raise CorpusProblem(f"{label} has only {len(text):,} characters: {advice}.")
    if len(alphabet) == 1:
        raise CorpusProblem(
            f"{label} repeats one character, {text[0]!r}, so there is nothing to predict: "
            "choose a text with several characters."
        )
    check_size(len(text), label)
    return text


def check_size(size: int, label: str) -> None:
    """Raises CorpusProblem for more than `LARGEST` bytes."""
    if size > LARGEST:
        raise CorpusProblem(
            f"{label} is larger than {LARGEST // 1_000_000} MB: choose a smaller part of it."
        )


def _is_binary(character: str) -> bool:
    """Whether it is a surrogate or a control character that plain text does not have."""
    category = unicodedata.category(character)
    return category == "Cs" or (category == "Cc" and character not in ALLOWED_CONTROLS)
