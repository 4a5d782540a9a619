"""The name and the note that a person gives to a run, in a file of their own, `label.json`.

The trainer neither reads nor writes it, so a run in training can be renamed, and a damaged label damages
nothing else.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm.errors import RunProblem, SettingsProblem
from lm.runs.files import explained, read_json, write_json

FILE = "label.json"
MOST_NAME, MOST_NOTE = 80, 2000  # characters
MOST_BYTES = 40_000  # of the file: 2,080 characters of up to four bytes, some of them escaped
JOINERS = "\u200c\u200d"  # parts of some scripts and of emoji; other invisible characters mislead


@dataclass(frozen=True)
class Label:
    """A person's words on a run; "" if there are none."""

    name: str = ""
    note: str = ""


def checked(name: str, note: str = "") -> Label:
    """A label of these words, without spaces around them; `SettingsProblem` if they cannot be one."""
    name, note = name.strip(), note.replace("\r\n", "\n").strip()
    for what, text, most in (("name", name, MOST_NAME), ("note", note, MOST_NOTE)):
        if len(text) > most:
            raise SettingsProblem(
                f"The {what} of a run has at most {most:,} characters, not {len(text):,}: shorten it."
            )
        allowed = JOINERS + ("\n\t" if what == "note" else "")
        if wrong := next((c for c in text if _misleads(c) and c not in allowed), None):
            raise SettingsProblem(
                f"The {what} of a run is plain text, without control characters and marks of direction: "
                f"remove U+{ord(wrong):04X}."
            )
    return Label(name, note)


def plain(text: str, most: int) -> bool:
    """Whether a text is short enough and has no characters that a label may not have."""
    return len(text) <= most and not any(_misleads(c) and c not in JOINERS for c in text)


def _misleads(character: str) -> bool:
    """Whether it is a control character, an invisible one, half of one, or ends a line."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def write(directory: Path, name: str, note: str = "") -> Label:
    """Replace the label of a run, whole; an empty one is removed. Raises as `checked`, and `RunProblem`."""
    label = checked(name, note)
    with explained(directory):
        if label == Label():
            (directory / FILE).unlink(missing_ok=True)
        else:
            write_json(directory / FILE, {"name": label.name, "note": label.note})
    return label


def read(directory: Path) -> tuple[Label, str | None]:
    """The label of a run, and a notice if there is one that cannot be used, which is then an empty one."""
    path = directory / FILE
    try:
        if path.stat().st_size > MOST_BYTES:
            return Label(), f"{path} is ignored: it is too long for a name and a note."
    except OSError:
        return Label(), None
    try:
        contents = read_json(path)
        return _label(contents), None
    except (RunProblem, SettingsProblem) as problem:
        return Label(), f"{path} is ignored, so the run has no name: {problem}"


def _label(contents: dict[str, Any]) -> Label:
    """The label in the contents of a file."""
    name, note = contents.get("name", ""), contents.get("note", "")
    if not isinstance(name, str) or not isinstance(note, str):
        raise RunProblem("its name and note are no texts.")
    return checked(name, note)


def copy(directory: Path, out: Path) -> None:
    """Give a copy of a run the label that the run has; one that cannot be used is left out."""
    label, _ = read(directory)
    write(out, label.name, label.note)
