"""Statements of a syntax tree as lines of source, with the comments that stood beside them.

`ast.unparse` writes neither comments nor blank lines, and lines of any length.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Mapping
from typing import Any

WIDTH = 100  # characters of a line
OPTIONS = re.compile("cache|start|autocast|not Block's")  # comments on what a script does not have


def comments_of(source: str) -> dict[int, str]:
    """The comments at the ends of lines, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string
        for token in tokens
        if token.type == tokenize.COMMENT
        and token.line.split("#")[0].strip()
        and not OPTIONS.search(token.string)
    }


def as_text(node: ast.stmt, comments: Mapping[int, str], indent: str = "") -> list[str]:
    """The lines of a statement."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If | ast.For):
        inner = [line for one in node.body for line in _inside(one, node, comments, indent)]
        header = ast.unparse(_emptied(node)).split("\n")[0]
        lines = [*_wrapped(indent + header), *inner]
        if (
            isinstance(node, ast.If)
            and len(node.orelse) == 1
            and isinstance(node.orelse[0], ast.If)
        ):
            first, *rest = as_text(node.orelse[0], comments, indent)
            lines += [f"{indent}el{first.strip()}", *rest]
        elif isinstance(node, ast.If) and node.orelse:
            rest = [line for one in node.orelse for line in as_text(one, comments, indent + "    ")]
            lines += [f"{indent}else:", *rest]
        return lines
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        told = " ".join(str(node.value.value).split("\n\n")[0].split())
        told = re.sub(r"; with a cache.*|, or in its place.*", ".", told)
        return textwrap.wrap(
            f'"""{told}"""', WIDTH + 10, initial_indent=indent, subsequent_indent=indent
        )
    text = ast.unparse(ast.fix_missing_locations(node))
    text = text.replace("nn.Module.__init__(self)", "super().__init__()")
    comment = comments.get(getattr(node, "end_lineno", 0) or 0, "")
    lines = _wrapped(indent + text)
    if comment and len(lines[-1]) + len(comment) < WIDTH + 10:
        lines[-1] += "  " + comment
    return lines


def _inside(one: ast.stmt, parent: ast.stmt, comments: Mapping[int, str], indent: str) -> list[str]:
    """The lines of a statement of a body; a blank line before a method."""
    lines = as_text(one, comments, indent + "    ")
    return (
        ["", *lines]
        if isinstance(parent, ast.ClassDef) and isinstance(one, ast.FunctionDef)
        else lines
    )


def _emptied(node: Any) -> ast.stmt:
    """A compound statement without its body, to write its first line."""
    fields = {
        name: value for name, value in ast.iter_fields(node) if name not in ("body", "orelse")
    }
    if isinstance(node, ast.If | ast.For):
        fields["orelse"] = []
    return ast.fix_missing_locations(type(node)(**fields, body=[ast.Pass()]))


def _wrapped(line: str) -> list[str]:
    """A line of code in lines that are not too long, cut after commas within brackets."""
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 8)
    depth, cut = 0, 0
    for place, letter in enumerate(line[:WIDTH]):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth > 0 and line[place + 1] == " ":
            cut = place + 1
    if not cut:
        return [line]
    return [line[:cut], *_wrapped(indent + line[cut:].strip())]
