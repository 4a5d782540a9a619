"""What a browser sends to the handlers of a tab, as values that they can use, whatever it is."""

import math
from collections.abc import Sequence
from typing import Any

from lm.interchange.chat import Chat, chat_of
from lm.runs.run import Run


def sendable(value: Any) -> str:
    """A visitor's text without halves of surrogate pairs, which JSON cannot carry back."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def chat_wanted(run: Run, asked: dict[str, Any]) -> Chat | None:
    """The chat template of a run, if it is wanted and there is one."""
    chat = chat_of(run) if asked.get("chat") is True else None
    return chat if chat is not None and chat.template is not None else None


def step_of(value: Any) -> int | None:
    """A step of a run from any value; None, the last snapshot, from a value that is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    return value if isinstance(value, int) else None


def polled(data: Any) -> tuple[str, int, int]:
    """The arguments of a poll, [token, start, start_events], as `Library.answer` takes them."""
    token, *starts = arguments(data, "", 0, 0)
    start, start_events = (n if isinstance(n, int) else 0 for n in starts)
    return sendable(token), start, start_events


def arguments(data: Any, *harmless: Any) -> Sequence[Any]:
    """The arguments of a server function; the harmless ones unless `data` is a list of as many."""
    return data if isinstance(data, list) and len(data) == len(harmless) else harmless
