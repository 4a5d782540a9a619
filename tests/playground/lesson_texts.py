"""The text, code and formulas of a lesson, as the tests of the lessons read them."""

import re
from typing import Any

from playground.lessons import lesson, names

OTHERS = {"tokens"}  # lessons of tabs that are no models
MODELS = tuple(name for name in names() if name not in OTHERS)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return "\n\n".join(part.markdown for part in lesson(name).sections)


def code_of(name: str) -> list[str]:
    return [code for language, code in FENCE.findall(text_of(name)) if language == "python"]


def formulas(markdown: str) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))
    return [a or b for a, b in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)]


def run_code(name: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    for code in code_of(name):
        exec(code, namespace)
    return namespace


def plain(text: str) -> str:
    """Without the braces that LaTeX wants around a comma in a number."""
    return text.replace("{,}", ",")


def section_text(name: str, title: str) -> str:
    section = next((one for one in lesson(name).sections if one.title == title), None)
    assert section is not None, f"{name} has no section {title!r}"
    return plain(section.markdown)
