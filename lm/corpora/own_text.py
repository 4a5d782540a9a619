"""What makes a text fit to learn from, and one clear sentence for each that is not."""

import os
import unicodedata
from pathlib import Path

from lm.errors import CorpusProblem

SHORTEST = 1_000
"""Characters below which there is nothing to learn, and too little to validate on."""
LARGEST = 50_000_000
"""Bytes above which a small model would see only a corner of the text."""
HARMLESS_CONTROLS = "\t\n\f"


def read(path: Path) -> bytes:
    """The bytes of a regular file of a sensible size. Raises CorpusProblem."""
    try:
        if path.is_dir():
            raise CorpusProblem(f"{path} is a folder: give the path of a text file in it.")
        if not path.exists():
            raise CorpusProblem(f"There is no file {path}: check the path.")
        if not path.is_file():  # a pipe or a device would keep us waiting
            raise CorpusProblem(f"{path} is not an ordinary file: give the path of a text file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            refuse_enormous(size, str(path))
            return file.read(LARGEST + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CorpusProblem(
            f"{path} cannot be read ({reason}): check the path and its permissions."
        ) from None


def decode(data: bytes, what: str) -> str:
    """UTF-8 bytes to text; a byte-order mark is dropped. `what` names the text in a message."""
    refuse_enormous(len(data), what)
    if not data:
        raise CorpusProblem(f"{what} is empty: choose a text of at least {SHORTEST:,} characters.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusProblem(
            f"{what} is not UTF-8 text (byte {error.start:,}): save it as plain text in UTF-8."
        ) from None


def checked(text: str, what: str) -> str:
    """The text with its line ends made \\n, if it can be learned from. Raises CorpusProblem."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    longer = f"choose a text of at least {SHORTEST:,} characters"
    if not text:
        raise CorpusProblem(f"{what} is empty: {longer}.")
    if not text.strip():
        raise CorpusProblem(f"{what} holds only blank space: {longer}.")
    alphabet = set(text)
    odd = sorted(filter(_is_binary, alphabet))
    if odd:
        raise CorpusProblem(
            f"{what} holds the control character U+{ord(odd[0]):04X} at place "
            f"{text.index(odd[0]):,} and does not look like text: choose a plain text file."
        )
    if len(text) < SHORTEST:
        raise CorpusProblem(f"{what} has only {len(text):,} characters: {longer}.")
    if len(alphabet) == 1:
        raise CorpusProblem(
            f"{what} repeats one character, {text[0]!r}, so there is nothing to predict: "
            "choose a text with several."
        )
    refuse_enormous(len(text), what)
    return text


def refuse_enormous(size: int, what: str) -> None:
    if size > LARGEST:
        raise CorpusProblem(
            f"{what} is larger than {LARGEST // 1_000_000} MB: cut a smaller piece out of it."
        )


def _is_binary(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cs" or (category == "Cc" and character not in HARMLESS_CONTROLS)
