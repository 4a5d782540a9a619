"""What Gradio keeps of each open page, made small.

For deep links, Gradio 6 writes down the settings of every component of every new page, on its event loop, and
each value that a handler sets: 1 MB and 50 to 115 ms a page. This page has no deep links, so nothing is written
down. What stays are the components that a handler has changed, such as a menu with other choices. The pages
that were not used for longest are dropped; one that is used again goes on as a new one.
"""

from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder

KEPT = 300  # pages


class Sessions(StateHolder):
    """Gradio's sessions by their hash, without the settings of unchanged components."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            session = SessionState(_WithoutComponents(self.blocks))  # type: ignore[arg-type]
            session.config_values = _NothingWrittenDown()
            self.session_data[session_id] = session
        return super().__getitem__(session_id)


class _WithoutComponents:
    """Stands for the page where a session is made: with its functions, and no component to write down."""

    def __init__(self, page: gr.Blocks) -> None:
        self.default_config = page.default_config
        self.blocks: dict[int, Any] = {}


class _NothingWrittenDown(dict[int, Any]):
    """Seems to hold the settings of every component, and keeps none."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: int) -> dict[str, Any]:
        return {}

    def __setitem__(self, key: int, value: Any) -> None:
        """Keep nothing."""


def make_small(page: gr.Blocks) -> None:
    """Give a page that has just been launched such sessions."""
    sessions = Sessions()
    sessions.set_blocks(page)
    page.app.state_holder = sessions
