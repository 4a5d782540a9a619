"""Characters on an axis, with their white space made visible."""

from __future__ import annotations

from collections.abc import Sequence

VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}


def visible(token: str) -> str:
    """The token with its white space made visible: a space as ␣, a line break as ↵."""
    return "".join(VISIBLE.get(character, character) for character in token)


def visible_all(tokens: Sequence[str]) -> list[str]:
    """`visible` of each token."""
    return [visible(token) for token in tokens]
