"""The part that the header's menus of texts and of pairs share: a panel for one's own, and its handlers.

`corpus_choice.py` and `pairs_choice.py` say which texts and pairs there are, and how one is taken.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from lm.errors import Problem
from playground.services import Services
from playground.tabs.model_tab import notice

OWN = "own"  # the entry of a menu that opens the panel
AT_ONCE = 8  # choices that are answered at the same time
Answer = dict[str, Any]


class OwnChoosing:
    """The handlers of a panel: values in, updates out, by the names of the parts."""

    FILE, ADVICE = "text", "choose a smaller part of it"  # of one that is too large

    def __init__(self, services: Services) -> None:
        self.texts = services.texts
        cores = services.supervisor.cores
        self.machine = f"{cores} CPU core{'s' if cores != 1 else ''}"
        self.largest = services.supervisor.limits.text_megabytes * 1_000_000  # bytes

    def option(self, key: Any) -> Any:
        """The entry of the menu that stands for the text or the pairs of a key."""
        raise NotImplementedError

    def open_panel(self, now: Any) -> Answer:
        """Show the panel; until something is taken, the menu shows what is in use."""
        return self._panel(now, visible=True)

    def close(self, now: Any, *_more: Any) -> Answer:
        """Close the panel, and go on with what is in use."""
        return self._panel(now, visible=False)

    def too_large(self, megabytes: str) -> str:
        """The sentence about a file of so many MB, which is over the limit."""
        return (
            f"That {self.FILE} has {megabytes} MB; the page takes up to {self.largest / 1e6:.0f} MB: "
            f"{self.ADVICE}. The command line takes more."
        )

    def refused(self, sentence: str, now: Any) -> Answer:
        """Nothing changes, and a sentence tells the reason."""
        return {"told": notice(sentence), "choice": self.option(now)}

    def taken(self, parts: Sequence[bytes], now: Any, take: Callable[[], Answer]) -> Answer:
        """The answer of `take`, unless the files are too large or there is a `Problem` with them."""
        size = sum(map(len, parts))
        if size > self.largest:
            return self.refused(self.too_large(f"{size / 1e6:.1f}"), now)
        try:
            return take()
        except Problem as problem:
            return self.refused(str(problem), now)

    def _panel(self, now: Any, *, visible: bool) -> Answer:
        panel = gr.update(visible=visible)
        return {"told": notice(None), "choice": self.option(now), "panel": panel}


def connect(
    parts: Mapping[str, Any], limited: str, event: Any, handler: Any, *inputs: Any, **how: Any
) -> Any:
    """Call a handler with the values of inputs, and update the parts that it names; returns the event.

    limited: the name of the events that share a limit. A text or its pieces may take seconds, so several of
    them are answered at the same time.
    """

    def update(*values: Any) -> Any:
        updates = {parts[name]: value for name, value in handler(*values).items()}
        return updates or gr.skip()

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    quiet |= {"concurrency_limit": AT_ONCE, "concurrency_id": limited}
    return event(update, list(inputs), list(parts.values()), **{**quiet, **how})


def unsent() -> gr.HTML:
    """The place in a panel for why the browser did not send a file (components/page/own_text.js)."""
    return gr.HTML("<div role='alert'></div>", elem_classes="unsent", apply_default_css=False)


def keep_small(page: gr.Blocks, panel: str, choosing: OwnChoosing) -> None:
    """Let the browser refuse a file that is too large before it sends it. panel: its elem_id."""
    words = json.dumps(choosing.too_large("SIZE"))
    script = f"Playground.keepSmall('#{panel}', {choosing.largest}, {words})"
    page.load(None, js=f"() => {{ import('playground').then(() => {script}) }}")
