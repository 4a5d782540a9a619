"""The lessons: one Markdown text for each rung, split at its `##` headings for the page to lay out.

KaTeX draws the formulas between `$` and `$$`. A rung without a text of its own shows its model's
docstring, so every new model has a lesson.
"""

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
LATEX_DELIMITERS: tuple[dict[str, str | bool], ...] = (
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
)
_FENCE = re.compile(r"^(```|~~~)")
_HEADING = re.compile(r"^##\s+(.+?)\s*$")


@dataclass(frozen=True)
class Section:
    """One `##` heading and the Markdown below it."""

    title: str
    markdown: str


@dataclass(frozen=True)
class Lesson:
    """The lesson of the rung `name`: its sections in the order of the text."""

    name: str
    sections: tuple[Section, ...]


def names() -> tuple[str, ...]:
    """The rungs that have a text of their own, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md")))


def lesson(name: str, docstring: str = "") -> Lesson:
    """The lesson of the rung `name`; without a text of its own, its model's docstring.

    `name` is only compared with the names of the texts; it is never used as a path.
    """
    if name in names():
        text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    else:
        text = inspect.cleandoc(docstring)
    return Lesson(name, sections(text))


def sections(text: str, opening: str = "The idea") -> tuple[Section, ...]:
    """Split Markdown at its `##` headings; text before the first one gets the title `opening`.

    A line that begins with `##` inside a code fence is code, not a heading. Empty sections are
    left out.
    """
    found: list[tuple[str, list[str]]] = [(opening, [])]
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence else _HEADING.match(line)
        if heading:
            found.append((heading[1], []))
        else:
            found[-1][1].append(line)
    cut = (Section(title, "\n".join(lines).strip()) for title, lines in found)
    return tuple(section for section in cut if section.markdown)
