"""All modules of the page as one, made when the server starts: a hundred files are a hundred requests.

The files stay as they are: node and the linter read them one by one. In the bundle each module is a function,
whose names nobody else sees; what it exports is what the function returns. A module comes after all that it
imports. The last one is the entry, at the top level, with the exports of the whole.
"""

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)


def bundle(entry: Path) -> bytes:
    """The module `entry` with all modules that it imports, directly or not.

    ValueError: some import one another in a circle, so that none of them can come first.
    """
    texts: dict[Path, str] = {}
    entry = entry.resolve()
    _read(entry, texts, ())
    return "\n".join(_placed(path, text, entry) for path, text in texts.items()).encode()


def _read(path: Path, texts: dict[Path, str], above: tuple[Path, ...]) -> None:
    """Add a module to the texts, after all that it imports; above: the modules that wait for it."""
    if path in above:
        circle = [one.name for one in (*above[above.index(path) :], path)]
        raise ValueError(f"modules import one another: {' → '.join(circle)}")
    if path in texts:
        return
    text = path.read_text("utf-8")
    for _, address in IMPORT.findall(text):
        _read(_file(path, address), texts, (*above, path))
    texts[path] = text


def _placed(path: Path, text: str, entry: Path) -> str:
    """The text of a module as it stands in the bundle."""

    def taken(found: re.Match[str]) -> str:
        names = found[1].replace(" as ", ": ")  # `import { a as b }`, but `const { a: b }`
        return f"const {{{names}}} = {_name(_file(path, found[2]), entry)};"

    text = IMPORT.sub(taken, text)
    if path == entry:
        return text
    exported = ", ".join(EXPORT.findall(text))
    opened = f"// {path.relative_to(entry.parent)}\nconst {_name(path, entry)} = (() => {{\n"
    return f"{opened}{EXPORT.sub('', text)}return {{ {exported} }};\n}})();\n"


def _file(importer: Path, address: str) -> Path:
    return (importer.parent / address).resolve()


def _name(path: Path, entry: Path) -> str:
    """The name of a module among the others, with an underscore; the names inside of modules have none."""
    return "_".join(path.relative_to(entry.parent).with_suffix("").parts)
