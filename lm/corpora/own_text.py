"""Reading and checking a text of the user's own. Each fault is one sentence that says what to do.

In all functions `label` names the text in that sentence: its path or its title.
"""

import os
import unicodedata
from pathlib import Path

from lm.errors import CorpusProblem

TRAIN_SHARE = 0.9  # of any text: its beginning is to learn from, the rest is the validation split
SHORTEST = 1_200  # characters; this share of them holds a row of the longest context, 1,024
LARGEST = 50_000_000  # bytes; a small model would see only a fraction of a larger text
ALLOWED_CONTROLS = "\t\n\f"
BINARY_SHARE = 0.1  # of control characters, from which on a file is taken for no text
NAMED = 5  # different control characters that a notice names


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
            data = file.read(size + 1)  # `read(LARGEST)` would take 50 MB for any file
            if len(data) > size:  # somebody writes to it
                data += file.read(LARGEST + 1 - len(data))
            return data
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


def checked(text: str, label: str) -> tuple[str, str | None]:
    """The text with \\n for every line end and without control characters, if it can be learned from.

    Returns a notice with it, a sentence about the characters that were removed; None if none were. Raises
    CorpusProblem.
    """
    advice = f"choose a text of at least {SHORTEST:,} characters"
    text, notice = cleaned(text, label, advice)
    alphabet = set(text)
    if len(text) < SHORTEST:
        raise CorpusProblem(f"{label} has only {len(text):,} characters: {advice}.")
    if len(alphabet) == 1:
        raise CorpusProblem(
            f"{label} repeats one character, {text[0]!r}, so there is nothing to predict: "
            "choose a text with several characters."
        )
    check_size(len(text), label)
    return text, notice


def cleaned(
    text: str, label: str, advice: str = "choose one with something in it"
) -> tuple[str, str | None]:
    """The text with \\n for every line end and without control characters, and a notice of those removed.

    Raises CorpusProblem if nothing is in it, or it is binary.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise CorpusProblem(f"{label} is empty: {advice}.")
    if not text.strip():
        raise CorpusProblem(f"{label} holds only white space: {advice}.")
    notice = None
    if controls := sorted(filter(_is_control, set(text))):
        _check_not_binary(text, controls, label)
        notice = _removal(text, controls, label)
        for control in controls:
            text = text.replace(control, "")
    return text, notice


def position(text: str, index: int) -> str:
    """Where a character stands, as editors count: "line 3, column 1"."""
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return f"line {line:,}, column {column:,}"


def check_size(size: int, label: str) -> None:
    """Raises CorpusProblem for more than `LARGEST` bytes."""
    if size > LARGEST:
        raise CorpusProblem(
            f"{label} is larger than {LARGEST // 1_000_000} MB: choose a smaller part of it."
        )


def _is_control(character: str) -> bool:
    """Whether it is half of a surrogate pair, or a control character that plain text does not have."""
    category = unicodedata.category(character)
    return category == "Cs" or (category == "Cc" and character not in ALLOWED_CONTROLS)


def _check_not_binary(text: str, controls: list[str], label: str) -> None:
    """Raise a CorpusProblem if the control characters are those of a binary file.

    Zero bytes stand in every binary file and in UTF-16. Half a surrogate pair is no character at all.
    """
    first = controls[0]
    wrong = first == "\0" or "\ud800" <= controls[-1] <= "\udfff"
    many = sum(map(text.count, controls)) > BINARY_SHARE * len(text)
    if wrong or many:
        named = first if first == "\0" or not wrong else controls[-1]
        others = " and many more of its kind" if many else ""
        raise CorpusProblem(
            f"{label} is not plain text, as it holds U+{ord(named):04X} in "
            f"{position(text, text.index(named))}{others}: choose a text file, or save it as UTF-8."
        )


def _removal(text: str, controls: list[str], label: str) -> str:
    """The sentence that says which control characters are removed, how many, and where the first stands."""
    counts = [(text.count(control), control) for control in controls]
    total = sum(count for count, _ in counts)
    named = [f"{count:,} × U+{ord(control):04X}" for count, control in counts[:NAMED]]
    if len(counts) > NAMED:
        named.append("others")
    first = min(map(text.index, controls))
    return (
        f"{label}: {total:,} control character{'s were' if total > 1 else ' was'} removed "
        f"({', '.join(named)}), the first in {position(text, first)}."
    )
